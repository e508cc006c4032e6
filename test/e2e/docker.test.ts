/** Containers of Docker by every verb, and engines by every way. */
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createServer } from 'node:tls';

import { expect } from 'chai';

import { EngineClient } from '../../src/docker/engine.ts';
import { createRuntime, isLxcriError } from '../../src/index.ts';
import { needsDocker, startEngine } from '../support/docker/engine.ts';
import type { DockerContainer, TestEngine } from '../support/docker/engine.ts';
import { createContainer, processesIn, waitFor } from '../support/lxc.ts';
import { createAuthority } from '../support/pve/api/certificates.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { startSshd } from '../support/sshd.ts';
import type { ExecResult } from '../../src/model/result.ts';
import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { callJson, documentOf } from './verb-call.ts';

type Document = Record<string, unknown> & { exitCode: number | null };

/** The engine behind TLS. Debian's own waits for a minute before it serves without to ask for certificates. */
async function serveByTls(socket: string, cert: string, key: string): Promise<{ port: number; stop: () => void }> {
  const sockets = new Set<Duplex>();
  const server = createServer({ cert, key, allowHalfOpen: true }, (near) => {
    const far = connect({ path: socket, allowHalfOpen: true });
    for (const each of [near, far]) sockets.add(each.on('error', () => {}));
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.close();
    for (const each of sockets) each.destroy();
  };
  return { port: (server.address() as AddressInfo).port, stop };
}

describe('a container of Docker', () => {
  let engine: TestEngine;
  let container: DockerContainer;
  let certificates: string;
  let front: Awaited<ReturnType<typeof serveByTls>>;

  before(async function () {
    needsDocker(this);
    needsApiDouble(this);
    const authority = await createAuthority();
    const { cert, key } = await authority.issue('engine');
    certificates = scratchDirectory();
    copyFileSync(authority.caFile, join(certificates, 'ca.pem'));
    engine = await startEngine();
    front = await serveByTls(engine.socket, cert, key);
    container = await engine.run({ name: `plx-${process.pid}-web` });
  });

  after(async () => {
    front?.stop();
    await engine?.stop();
  });

  const call = async (words: readonly string[], env: Record<string, string> = {}): Promise<Document> => {
    const { document, exitCode } = await callJson(words, { env: { ...engine.environment, ...env } });
    return { ...document, exitCode };
  };

  it('is not told that its input has ended where only we cannot read on', async () => {
    const words = [`docker:${container.name}`, 'cat; touch /tmp/believed; sleep 300'];
    const script = '"$0" exec --json "$1" -- sh -c "$2" </';
    const cli = await run(['sh', '-c', script, CLI, ...words], { env: { ...process.env, ...engine.environment } });
    expect(cli.exitCode).to.equal(255);
    const { error, treeKill } = JSON.parse(cli.stdout) as ExecResult;
    expect(error?.code).to.equal('ConnectionLost');
    expect(error?.message).to.include('could not be read here to its end (EISDIR)');
    expect(treeKill).to.equal(true);
    const look = ['exec', `docker:${container.name}`, '--', 'test', '-e', '/tmp/believed'];
    expect((await runCli(look, { env: engine.environment })).exitCode).to.equal(1);
  });

  it('is listed', async () => {
    const { containers } = (await call(['ps', '--filter', 'platform=docker'])) as unknown as { containers: object[] };
    expect(containers).to.have.length(1);
    expect(containers[0]).to.deep.include({
      reference: `docker:${container.name}`,
      id: container.id,
      name: container.name,
      platform: 'docker',
      type: 'docker',
      status: 'running',
    });
  });

  it('that cannot be listed is no silent gap', async () => {
    const { error, exitCode } = await call(['ps'], { DOCKER_HOST: 'unix:///nonexistent' });
    expect([exitCode, (error as { code: string }).code]).to.deep.equal([125, 'PlatformUnreachable']);
  });

  it('has a state, and processes', async () => {
    expect(await call(['state', `docker:${container.name}`])).to.deep.include({
      id: container.id,
      status: 'running',
      pid: await container.initPid(),
    });
    const listed = await runCli(['ps', '--json', `docker:${container.name}`], { env: engine.environment });
    const { processes } = documentOf('ps-processes', listed) as unknown as {
      processes: { args: string[]; user: string }[];
    };
    expect(processes.some(({ args, user }) => args.join(' ') === '/bin/sleep 1000000' && user === 'root')).to.equal(
      true,
    );
  });

  it('is named by the beginning of its id, unless that of several', async () => {
    const hostname = async (reference: string): Promise<string> => {
      const done = await runCli(['exec', '--json', reference, '--', 'hostname'], { env: engine.environment });
      const { stdout, error } = resultOf(done);
      return error?.code ?? stdout.trim();
    };
    expect(await hostname(`docker:${container.id.slice(0, 12)}`)).to.equal(container.id.slice(0, 12));
    const ids = [container.id];
    // Of so many, two begin alike.
    while (new Set(ids.map((id) => id[0])).size === ids.length) {
      // oxlint-disable-next-line no-await-in-loop -- until two begin alike
      const { stdout } = await engine.docker('create', '--network', 'none', 'plx-busybox', '/bin/true');
      ids.push(stdout.trim());
    }
    const [last = '', ...former] = ids.toReversed();
    expect(await hostname(`docker:${last[0]}`)).to.equal('AmbiguousContainer');
    await engine.docker('rm', last, ...former.filter((id) => id !== container.id));
    expect(await hostname('docker:no-such-container')).to.equal('ContainerNotFound');
  });

  it('is stopped, started, signalled and killed', async () => {
    const target = `docker:${container.name}`;
    expect(await call(['stop', target])).to.deep.include({
      status: 'stopped',
      changed: true,
      forced: false,
      exitCode: 0,
    });
    expect(await call(['stop', target])).to.deep.include({ changed: false });
    expect(await call(['start', '--wait', target])).to.deep.include({ status: 'running', changed: true });
    expect(await call(['start', target])).to.deep.include({ changed: false });
    expect(await call(['kill', target, 'WINCH'])).to.deep.include({ status: 'running', signal: 'SIGWINCH' });
    expect(await call(['kill', target])).to.deep.include({ status: 'stopped', signal: 'SIGKILL' });
    expect(await call(['start', target])).to.deep.include({ status: 'running' });
  });

  it('is killed also while it is paused', async () => {
    const paused = await engine.run();
    await paused.freeze();
    expect(await call(['kill', `docker:${paused.name}`])).to.deep.include({ status: 'stopped', signal: 'SIGKILL' });
  });

  it('that ignores its stop signal is killed when its time is over, and it is said', async () => {
    const deaf = await engine.run({
      command: ['/bin/sh', '-c', "trap '' TERM; while :; do sleep 1; done"],
      flags: ['--init=false'],
    });
    expect(await call(['stop', '--timeout', '1s', `docker:${deaf.name}`])).to.deep.include({
      status: 'stopped',
      forced: true,
    });
  });

  it('runs commands that outlive the call', async () => {
    const state = scratchDirectory();
    // A setting that is for others.
    const env = { ...engine.environment, PROXMOX_LXCRI_STATE_DIR: state, PROXMOX_LXCRI_METHODS: 'pct' };
    const started = await runCli(['exec', '-d', `docker:${container.name}`, '--', 'sh', '-c', 'echo out; exit 6'], {
      env,
    });
    const id = started.stdout.toString().trim();
    const done = await runCli(['result', '--wait', '--json', id], { env });
    expect(JSON.parse(done.stdout.toString())).to.deep.include({ stdout: 'out\n', exitCode: 6, method: 'docker' });
  });

  it('takes and gives 64 MiB unchanged', async () => {
    const input = Buffer.alloc(64 * 1024 ** 2, randomBytes(1_000_003));
    const target = `docker:${container.name}`;
    const { stdout } = await runCli(['exec', target, '--', 'cat'], { env: engine.environment, stdin: input });
    expect(stdout.equals(input)).to.equal(true);
  });

  it('unpacks 64 MiB from its input, whose end arrives', async () => {
    const directory = scratchDirectory();
    const content = Buffer.alloc(64 * 1024 ** 2, randomBytes(1_000_003));
    writeFileSync(join(directory, 'content'), content);
    const { stdoutBytes: archive } = await run(['tar', '-C', directory, '-cf', '-', 'content']);
    const script = 'cd /tmp && tar -xf - && sha256sum content && rm content';
    const words = ['exec', `docker:${container.name}`, '--', 'sh', '-c', script];
    const { stdout } = await runCli(words, { env: engine.environment, stdin: archive });
    expect(stdout.toString().split(' ')[0]).to.equal(createHash('sha256').update(content).digest('hex'));
  });

  /** Lets this process speak to an engine. */
  async function speakingTo(host: string | undefined, use: () => Promise<void>): Promise<void> {
    const before = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = host;
    try {
      await use();
    } finally {
      if (before === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = before;
    }
  }

  it('has a method that needs no place among those that are preferred, and is not for others', async () => {
    const target = `docker:${container.name}`;
    const tried = ({ attempts }: ExecResult): string[] => attempts.map(({ method }) => method);
    const lxc = await createContainer({ kind: 'busybox', name: `plx-${process.pid}-preferring` });
    try {
      await lxc.start();
      await speakingTo(engine.environment['DOCKER_HOST'], async () => {
        const runtime = createRuntime({ lxcpath: lxc.lxcpath, methods: ['docker', 'lxc-attach'] });
        const { results } = await runtime.execMany([`lxc:${lxc.name}`, target], ['true']);
        expect(results.map(({ attempts }) => attempts.map(({ method }) => method))).to.deep.equal([
          ['lxc-attach'],
          ['docker'],
        ]);
        const other = createRuntime({ methods: ['pct'] });
        const ran = await other.exec(target, ['true']);
        expect([ran.exitCode, tried(ran)]).to.deep.equal([0, ['docker']]);
        const refused = await other.exec(target, ['true'], { methods: ['lxc-attach'] });
        expect([refused.error?.code, tried(refused)]).to.deep.equal(['NoMethodAvailable', ['lxc-attach']]);
      });
    } finally {
      await lxc.destroy();
    }
    const env = { ...engine.environment, PROXMOX_LXCRI_METHODS: 'pct' };
    const ran = resultOf(await runCli(['exec', '--json', target, '--', 'true'], { env }));
    expect([ran.exitCode, tried(ran)]).to.deep.equal([0, ['docker']]);
    const words = ['exec', '--json', '--method', 'lxc-attach', target, '--', 'true'];
    const refused = resultOf(await runCli(words, { env }));
    expect([refused.error?.code, refused.exitCode]).to.deep.equal(['NoMethodAvailable', 125]);
  });

  it('is listed by a library, which an engine that does not answer is no gap for', async () => {
    await speakingTo(engine.environment['DOCKER_HOST'], async () => {
      const listed = await createRuntime().ps();
      expect(listed.filter(({ platform }) => platform === 'docker').map(({ reference }) => reference)).to.include(
        `docker:${container.name}`,
      );
      process.env['DOCKER_HOST'] = 'unix:///nonexistent';
      const failure: unknown = await createRuntime()
        .ps()
        .catch((error: unknown) => error);
      expect(isLxcriError(failure) && failure.code).to.equal('PlatformUnreachable');
    });
  });

  it('is reached by TLS, and by nobody else than its engine', async () => {
    const env = { ...engine.environment, DOCKER_HOST: `tcp://127.0.0.1:${front.port}`, DOCKER_CERT_PATH: certificates };
    const byTls = async (further: Record<string, string>): Promise<ReturnType<typeof resultOf>> =>
      resultOf(
        await runCli(['exec', '--json', `docker:${container.name}`, '--', 'sh', '-c', 'cat; exit 4'], {
          env: { ...env, ...further },
          stdin: 'through',
        }),
      );
    expect(await byTls({ DOCKER_TLS_VERIFY: '1' })).to.deep.include({ exitCode: 4, stdout: 'through' });
    const other = scratchDirectory();
    copyFileSync((await createAuthority()).caFile, join(other, 'ca.pem'));
    const refused = await byTls({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: other });
    expect([refused.exitCode, refused.started, refused.error?.code]).to.deep.equal([125, false, 'PlatformUnreachable']);
  });

  it('is reached by ssh', async () => {
    const server = await startSshd({ environment: engine.environment });
    try {
      const home = scratchDirectory();
      writeFileSync(join(home, 'known'), `[${server.address}]:${server.port} ${server.hostKey}\n`);
      const wrapper = join(home, 'ssh');
      // Our own files in place of the user's, which ssh finds by the password database and not by HOME.
      const options = `-F none -o UserKnownHostsFile=${home}/known -i ${server.identityFile} -o StrictHostKeyChecking=yes`;
      writeFileSync(wrapper, `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`, { mode: 0o755 });
      const done = await runCli(
        ['exec', '--json', `docker:${container.name}`, '--', 'sh', '-c', 'cat; echo e >&2; exit 4'],
        {
          env: { DOCKER_HOST: `ssh://root@${server.address}:${server.port}`, PATH: `${home}:${process.env['PATH']}` },
          stdin: 'through',
        },
      );
      expect(resultOf(done)).to.deep.include({ exitCode: 4, stdout: 'through', stderr: 'e\n', error: null });
    } finally {
      await server.stop();
    }
  });

  it('leaves nothing when the program is killed, also while the engine is about to start the command', async () => {
    const before = (await processesIn(container)).length;
    const api = new EngineClient({ kind: 'unix', path: engine.socket }, {});
    const executions = async (): Promise<readonly string[]> => {
      const { stdout } = await engine.docker('inspect', '--format', '{{json .ExecIDs}}', container.id);
      return (JSON.parse(stdout) as string[] | null) ?? [];
    };
    // The engine remembers for minutes what was made and never started.
    const running = async (): Promise<unknown[]> => {
      const answers = (await executions()).map(async (id) => (await api.request('GET', `/exec/${id}/json`)).body);
      return (await Promise.all(answers)).filter((state) => (state as { Running?: boolean } | undefined)?.Running);
    };
    for (let round = 0; round < 3; round++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const former = new Set(await executions());
      const cli = startCli(['exec', `docker:${container.name}`, '--', 'sleep', '100006'], { env: engine.environment });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await waitFor(async () => (await executions()).some((id) => !former.has(id)), {
        what: 'the execution to be made',
        intervalMs: 1,
      });
      process.kill(cli.pid, 'SIGKILL');
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await cli.ended;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await waitFor(async () => (await running()).length === 0 && (await processesIn(container)).length === before, {
        what: 'nothing to run any more',
      });
    }
    api.close();
  });
});
