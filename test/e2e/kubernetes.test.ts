/** Pods of Kubernetes: what the table of exec does not say of them. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { ExecResult } from '../../src/model/result.ts';
import { runCli, startCli } from '../methods/contract/cli.ts';
import type { CliOptions } from '../methods/contract/cli.ts';
import { resultOf, streamOf } from '../methods/contract/result.ts';
import { needsKubernetes, startKubernetes } from '../support/kubernetes.ts';
import type { TestKubernetes, TestPod } from '../support/kubernetes.ts';
import { processInfo } from '../support/proc.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';
import { callJson } from './verb-call.ts';

const CUTS = 20;
const OUTPUT_BYTES = 1024 * 1024;

describe('a pod of Kubernetes', () => {
  let cluster: TestKubernetes;
  let pod: TestPod;

  before(async function () {
    this.timeout(120_000);
    needsKubernetes(this);
    cluster = await startKubernetes();
    [pod] = await Promise.all([
      cluster.createPod({
        name: 'web-1',
        labels: { app: 'web' },
        containers: [{ name: 'first' }, { name: 'second' }],
        annotations: { 'kubectl.kubernetes.io/default-container': 'second' },
      }),
      cluster.createPod({ name: 'bare', containers: [{ name: 'main', kind: 'noshell' }] }),
    ]);
  });

  after(() => cluster?.stop());

  /** A call with `--json`. */
  const exec = async (words: readonly string[], options: CliOptions = {}): Promise<ExecResult> =>
    resultOf(
      await runCli(['exec', '--json', ...words], { ...options, env: { ...cluster.environment, ...options.env } }),
    );

  const brief = ({ exitCode, started, error }: ExecResult): unknown => [exitCode, started, error?.code ?? null];

  const commands = async (of: TestPod, container?: string): Promise<string[]> =>
    (await of.pids(container)).map((pid) => processInfo(pid)?.args ?? '');

  /** Waits until nothing of ours runs in it: only what it was made with. */
  const isQuiet = async (container: string): Promise<void> => {
    await waitFor(async () => (await pod.pids(container)).length === 1, { what: 'nothing of ours to be left' });
  };

  describe('is named', () => {
    const containerOf = async (reference: string, ...flags: string[]): Promise<string | undefined> =>
      (await exec([...flags, reference, '--', 'true'])).container?.id;

    it('by its name, with its namespace and container or without', async () => {
      expect(await containerOf('k8s:web-1')).to.equal('default/web-1/second');
      expect(await containerOf('k8s:default/web-1/first')).to.equal('default/web-1/first');
      expect(await containerOf('k8s:web-1', '-n', 'default', '--container', 'first')).to.equal('default/web-1/first');
    });

    it('wrongly, and the names that are there are told', async () => {
      const noPod = await exec(['k8s:default/web', '--', 'true']);
      expect(brief(noPod)).to.deep.equal([125, false, 'ContainerNotFound']);
      expect(noPod.error?.hint).to.include('web-1').and.include('bare');
      const noContainer = await exec(['k8s:default/web-1/third', '--', 'true']);
      expect(brief(noContainer)).to.deep.equal([125, false, 'ContainerNotFound']);
      expect(noContainer.error?.hint).to.equal('it has: first, second');
      expect(brief(await exec(['k8s:default/Web', '--', 'true']))).to.deep.equal([125, false, 'UsageError']);
    });

    it('by its workload: the running ones', async () => {
      const other = await cluster.createPod({ name: 'web-2', labels: { app: 'web' } });
      await cluster.createPod({
        name: 'web-3',
        labels: { app: 'web' },
        pretendedStatus: { phase: 'Pending' },
      });
      await cluster.createWorkload('deployments', { name: 'web', matchLabels: { app: 'web' } });
      const call = await runCli(['exec', '--json', 'k8s:deploy:web', '--', 'sh', '-c', 'exit 3'], {
        env: cluster.environment,
      });
      const { results, exitCode } = JSON.parse(call.stdout.toString()) as { results: ExecResult[]; exitCode: number };
      expect(exitCode).to.equal(3);
      expect(results.map(({ container }) => container?.id)).to.deep.equal([
        'default/web-1/second',
        'default/web-2/main',
      ]);
      const one = await runCli(['exec', '-t', 'k8s:default/deploy:web', '--', 'sh', '-c', 'tty; exit 4'], {
        env: cluster.environment,
      });
      expect(one.exitCode).to.equal(4);
      expect(brief(await exec(['k8s:deploy:db', '--', 'true']))).to.deep.equal([125, false, 'ContainerNotFound']);
      await other.destroy();
      await cluster.api('DELETE', '/api/v1/namespaces/default/pods/web-3');
    });
  });

  describe('that cannot be used', () => {
    it('is not used, and why is told in the words of Kubernetes', async () => {
      await cluster.createPod({
        name: 'broken',
        pretendedStatus: {
          phase: 'Running',
          containerStatuses: [
            { name: 'main', state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } } },
          ],
        },
      });
      const result = await exec(['k8s:broken', '--', 'true']);
      expect(brief(result)).to.deep.equal([125, false, 'ContainerNotRunning']);
      expect(result.error?.message).to.equal(
        'container main of pod default/broken is waiting (CrashLoopBackOff: back-off)',
      );
    });

    it('by who may not: the cluster is asked first', async () => {
      const reader = await cluster.addUser({
        rules: [{ namespaces: ['*'], resources: ['pods'], verbs: ['get', 'list'] }],
      });
      const before = (await cluster.requests()).length;
      const denied = await exec(['k8s:web-1', '--', 'true'], { env: { KUBECONFIG: reader.kubeconfig } });
      expect(brief(denied)).to.deep.equal([125, false, 'PermissionDenied']);
      const asked = (await cluster.requests()).slice(before).map(({ uri }) => uri.split('?')[0] ?? '');
      expect(asked.filter((path) => path.endsWith('/exec'))).to.deep.equal([]);
      const stranger = await cluster.addUser({ rules: [] });
      const noLook = await exec(['k8s:web-1', '--', 'true'], { env: { KUBECONFIG: stranger.kubeconfig } });
      expect(brief(noLook)).to.deep.equal([125, false, 'PermissionDenied']);
    });

    it('by who is not known, or whose server is another', async () => {
      const config = readFileSync(cluster.kubeconfig, 'utf8');
      const withChange = (from: RegExp, to: string): string => {
        const file = join(scratchDirectory(), 'config');
        expect(config).to.match(from);
        writeFileSync(file, config.replace(from, to));
        return file;
      };
      const run = async (file: string): Promise<ExecResult> =>
        exec(['k8s:web-1', '--', 'true'], { env: { KUBECONFIG: file } });
      const unknown = await run(withChange(/token: .*/, 'token: wrong'));
      expect(brief(unknown)).to.deep.equal([125, false, 'AuthenticationFailed']);
      const stranger = await run(withChange(/certificate-authority(-data)?: .*/, 'extensions: []'));
      expect(brief(stranger)).to.deep.equal([125, false, 'PlatformUnreachable']);
      expect(stranger.error?.message).to.match(/certificate .* is not trusted/);
      const careless = await run(withChange(/certificate-authority(-data)?: .*/, 'insecure-skip-tls-verify: true'));
      expect(brief(careless)).to.deep.equal([125, false, 'ConfigError']);
    });

    it('by a certificate or what a program gives, it is', async () => {
      const user = await cluster.addUser({ certificate: true });
      expect(brief(await exec(['k8s:web-1', '--', 'true'], { env: { KUBECONFIG: user.kubeconfig } }))).to.deep.equal([
        0,
        true,
        null,
      ]);
      const directory = scratchDirectory();
      const credential = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: cluster.admin.token },
      };
      writeFileSync(join(directory, 'give'), `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
      chmodSync(join(directory, 'give'), 0o755);
      const config = readFileSync(cluster.kubeconfig, 'utf8');
      const file = join(directory, 'config');
      const plugin = 'exec: {command: ./give, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}';
      writeFileSync(file, config.replace(/token: .*/, plugin));
      expect(brief(await exec(['k8s:web-1', '--', 'true'], { env: { KUBECONFIG: file } }))).to.deep.equal([
        0,
        true,
        null,
      ]);
    });
  });

  it('ends what has shed all but its parent, which the request to end takes away', async () => {
    const script = 'env -i setsid sleep 100384 </dev/null >/dev/null 2>&1 & sleep 100384';
    const result = await exec(['--timeout', '1', '--kill-after', '1', 'k8s:web-1', '--', 'sh', '-c', script]);
    expect([result.exitCode, result.treeKill]).to.deep.equal([124, true]);
    await isQuiet('second');
  });

  describe('without a shell', () => {
    it('runs commands as they are, and says what it cannot', async () => {
      const result = await exec(['k8s:bare', '--', 'cat'], { stdin: 'through' });
      expect([result.exitCode, result.stdout, result.treeKill]).to.deep.equal([0, 'through', false]);
      expect((await exec(['k8s:bare', '--', 'false'])).exitCode).to.equal(1);
      expect(brief(await exec(['k8s:bare', '--', 'no-such']))).to.deep.equal([127, false, 'CommandNotFound']);
      expect(brief(await exec(['k8s:bare', '--', '/etc']))).to.deep.equal([126, false, 'CommandNotExecutable']);
      for (const flags of [
        ['-e', 'A=b'],
        ['-w', '/tmp'],
        ['-u', 'app'],
        ['--timeout', '1m'],
      ]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const refused = await exec([...flags, 'k8s:bare', '--', 'true']);
        expect(brief(refused), flags.join(' ')).to.deep.equal([125, false, 'NoMethodAvailable']);
        expect(refused.attempts[0]?.reason).to.include('no /bin/sh');
      }
    });
  });

  describe('behind an older server', () => {
    after(() => cluster?.setExec());

    it('has no end of input, and is not given one', async () => {
      await cluster.setExec({ v5: false });
      expect((await exec(['-e', 'A=b', 'k8s:web-1', '--', 'sh', '-c', 'cat; exit 5'])).exitCode).to.equal(5);
      const refused = await exec(['k8s:web-1', '--', 'cat'], { stdin: 'x' });
      expect(brief(refused)).to.deep.equal([125, false, 'NoMethodAvailable']);
      expect(refused.error?.message).to.include('--no-stdin');
      const direct = await exec(['k8s:bare', '--', 'cat'], { stdin: 'x' });
      expect(brief(direct)).to.deep.equal([125, false, 'NoMethodAvailable']);
    });

    it('or a proxy that passes on no WebSocket, is told from others', async () => {
      await cluster.setExec({ webSocket: false });
      const refused = await exec(['k8s:web-1', '--', 'true']);
      expect(brief(refused)).to.deep.equal([125, false, 'NoMethodAvailable']);
    });
  });

  describe('takes and gives', () => {
    it('16 MiB unchanged, and their sum after the end of the input', async () => {
      const input = Buffer.alloc(16 * 1024 ** 2, randomBytes(1_000_003));
      const through = await runCli(['exec', 'k8s:web-1', '--', 'cat'], { env: cluster.environment, stdin: input });
      expect(through.stdout.equals(input)).to.equal(true);
      const sum = await exec(['k8s:web-1', '--', 'sha256sum'], { stdin: input });
      expect(sum.stdout).to.equal(`${createHash('sha256').update(input).digest('hex')}  -\n`);
    });

    it('nothing of -e in a URL', async () => {
      const secret = randomBytes(8).toString('hex');
      const result = await exec(['-e', `A=${secret}`, 'k8s:web-1', '--', 'sh', '-c', 'echo "$A"']);
      expect(result.stdout).to.equal(`${secret}\n`);
      expect(JSON.stringify(await cluster.requests())).not.to.include(secret);
    });

    it('a terminal, whose environment nobody sees', async () => {
      const secret = randomBytes(8).toString('hex');
      const call = await runCli(
        [
          'exec',
          '-t',
          '-e',
          `A=${secret}\n.\n'b'`,
          '-w',
          '/tmp',
          'k8s:web-1',
          '--',
          'sh',
          '-c',
          'stty size; pwd; read -r x; echo "got $x"',
        ],
        { env: cluster.environment, stdin: 'typed\n' },
      );
      const shown = call.stdout.toString();
      expect(shown).to.include('24 80\r\n/tmp\r\n').and.include('got typed\r\n');
      expect(shown).not.to.include(secret);
      expect(call.exitCode).to.equal(0);
    });

    it('the end of its input to a terminal, also where there is none, and to who reads later', async () => {
      const { environment: env } = cluster;
      const calls = [
        runCli(['enter', 'k8s:web-1'], { env }),
        runCli(['exec', '-t', 'k8s:web-1', '--', 'sh', '-c', 'sleep 1; exec sh'], { env, stdin: 'true\n' }),
        runCli(['exec', '-t', '--no-stdin', 'k8s:bare', '--', 'cat'], { env }),
      ];
      expect((await Promise.all(calls)).map(({ exitCode }) => exitCode)).to.deep.equal([0, 0, 0]);
    });
  });

  it('runs commands as another user of its own', async () => {
    const app = await cluster.createPod({
      name: 'of-app',
      containers: [{ name: 'main', spec: { securityContext: { runAsUser: 1000, runAsGroup: 1000 } } }],
    });
    const own = await exec(['k8s:of-app', '--', 'sh', '-c', 'id -u; echo "$HOME $USER"']);
    expect(own.stdout).to.equal('1000\n/home/app app\n');
    const other = await exec(['-u', 'root', 'k8s:of-app', '--', 'true']);
    expect(brief(other)).to.deep.equal([125, false, 'NoMethodAvailable']);
    expect(other.error?.message).to.include('runs as user 1000');
    const nobody = await exec(['-u', '4242', 'k8s:web-1', '--', 'true']);
    expect(brief(nobody)).to.deep.equal([125, false, 'UserNotFound']);
    await app.destroy();
  });

  it('whose commands have another user leaves nothing after a timeout', async () => {
    const script = '(env -i setsid sleep 100201 &) ; setsid sleep 100202 & sleep 100203';
    const result = await exec(['-u', 'app', '--timeout', '2s', 'k8s:web-1', '--', 'sh', '-c', script]);
    expect([result.exitCode, result.treeKill]).to.deep.equal([124, true]);
    await isQuiet('second');
  });

  it('is listed, has a state, and is not started or stopped by us', async () => {
    const { document, exitCode } = await callJson(['ps', '--filter', 'platform=kubernetes'], {
      env: cluster.environment,
    });
    expect(exitCode).to.equal(0);
    const { containers } = document as unknown as { containers: Record<string, unknown>[] };
    expect(containers.find(({ name }) => name === 'web-1')).to.deep.include({
      reference: 'k8s:default/web-1',
      id: 'default/web-1',
      type: 'pod',
      status: 'running',
    });
    const state = await callJson(['state', 'k8s:web-1'], { env: cluster.environment });
    expect(state.document).to.deep.include({ id: 'default/web-1/second', status: 'running' });
    for (const words of [['stop'], ['kill']]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const refused = await callJson([...words, 'k8s:web-1'], { env: cluster.environment });
      expect([refused.exitCode, refused.document.error?.code]).to.deep.equal([125, 'NoMethodAvailable']);
    }
    const elsewhere = await callJson(['ps'], { env: { KUBECONFIG: '/nonexistent' } });
    expect(elsewhere.exitCode).to.equal(0);
  });

  it('runs commands that outlive the call', async () => {
    const env = { ...cluster.environment, PROXMOX_LXCRI_STATE_DIR: scratchDirectory() };
    const started = await runCli(['exec', '-d', 'k8s:web-1', '--', 'sh', '-c', 'echo out; exit 6'], { env });
    const id = started.stdout.toString().trim();
    const done = await runCli(['result', '--wait', '--json', id], { env });
    expect(JSON.parse(done.stdout.toString())).to.deep.include({ stdout: 'out\n', exitCode: 6, method: 'kubernetes' });
  });

  it('that is deleted meanwhile ends its commands, and that is no success', async () => {
    const doomed = await cluster.createPod({ name: 'doomed' });
    const cli = startCli(['exec', '--json', 'k8s:doomed', '--', 'sh', '-c', 'echo here; sleep 100204'], {
      env: cluster.environment,
    });
    await waitFor(async () => (await commands(doomed)).includes('sleep 100204'), { what: 'the command to run' });
    await doomed.destroy();
    const result = resultOf(await cli.ended);
    expect(result.stdout).to.equal('here\n');
    // Its runtime may still have known how it ended.
    expect([137, 255]).to.include(result.exitCode);
    expect(result.exitCode === 255).to.equal(result.error?.code === 'ConnectionLost');
  });

  it('keeps nothing of a program that is killed while it starts a command', async () => {
    const ours = ['sleep 100209', 'sleep 100210'];
    const script = `setsid ${ours[0]} & ${ours[1]}`;
    const executions = async (): Promise<number> =>
      (await cluster.requests()).filter(({ uri }) => uri.includes('/exec?')).length;
    let before = 0;
    const seen: Record<string, () => Promise<boolean>> = {
      'a request': async () => (await executions()) > before,
      'two requests': async () => (await executions()) > before + 1,
      'something of ours': async () => (await pod.pids('second')).length > 1,
      'two of ours': async () => (await pod.pids('second')).length > 2,
      'the command': async () => (await commands(pod, 'second')).some((command) => ours.includes(command)),
    };
    for (const [what, isSeen] of [...Object.entries(seen), ...Object.entries(seen)]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      before = await executions();
      const cli = startCli(['exec', 'k8s:web-1', '--', 'sh', '-c', script], { env: cluster.environment });
      // oxlint-disable-next-line no-await-in-loop -- as above
      await waitFor(isSeen, { what, intervalMs: 1 });
      cli.child.kill('SIGKILL');
      // oxlint-disable-next-line no-await-in-loop -- as above
      await cli.exited;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await isQuiet('second');
    }
  });

  describe('whose connection is lost', () => {
    let proxy: TcpProxy;
    let kubeconfig: string;

    before(async () => {
      proxy = await startTcpProxy('127.0.0.1', cluster.port);
      kubeconfig = cluster.writeKubeconfig({ port: proxy.port });
    });

    after(() => proxy?.stop());

    it(`has run the command once or not at all, which is no success, wherever the cut is (${CUTS} places)`, async () => {
      const places = Array.from({ length: CUTS }, () => Math.floor(Math.random() ** 6 * OUTPUT_BYTES));
      const outcomes = [];
      for (const [index, place] of places.entries()) {
        const file = `/tmp/ran-${index}`;
        // It holds its last output back until the cut has been noticed, so that it cannot have been over before.
        const script = `echo x >>${file}; head -c ${OUTPUT_BYTES} /dev/zero; sleep 100205`;
        proxy.cutAfter(place + 1);
        // oxlint-disable-next-line no-await-in-loop -- one cut at a time
        const result = await exec(['k8s:web-1', '--', 'sh', '-c', script], { env: { KUBECONFIG: kubeconfig } });
        // oxlint-disable-next-line no-await-in-loop -- as above
        const ran = (await pod.attach(['sh', '-c', `cat ${file} 2>/dev/null | wc -l`], 'second')).stdout.trim();
        const { exitCode, error, started, connectionLost, stdoutEncoding } = result;
        const bytes = streamOf(result, 'stdout').length;
        outcomes.push({
          place,
          exitCode,
          code: error?.code,
          started,
          connectionLost,
          ran: Number(ran),
          bytes,
          stdoutEncoding,
        });
      }
      const wrong = outcomes.filter(({ exitCode, code, started, ran }) => {
        const isLost = exitCode === 255 && code === 'ConnectionLost' && started && ran <= 1;
        return !isLost && !(exitCode === 125 && !started && ran === 0);
      });
      expect(wrong, JSON.stringify(outcomes)).to.deep.equal([]);
      await isQuiet('second');
    });

    it('leaves nothing, when nobody is there any more to look after it', async () => {
      const cli = startCli(['exec', 'k8s:web-1', '--', 'sh', '-c', 'setsid sleep 100206 & sleep 100207'], {
        env: { KUBECONFIG: kubeconfig },
        stdin: 'input',
      });
      await waitFor(async () => (await commands(pod, 'second')).includes('sleep 100207'), {
        what: 'the command to run',
      });
      cli.child.kill('SIGSTOP');
      proxy.cut();
      await isQuiet('second');
      cli.child.kill('SIGCONT');
      expect((await cli.ended).exitCode).to.equal(255);
    });
  });
});
