/** The Kubernetes of the tests does what a real one does: seen by kubectl, and by a bare WebSocket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { expect } from 'chai';
import { WebSocket } from 'ws';

import { findExecutable } from '../../src/process/executable.ts';
import { needs } from './component.ts';
import { type KubernetesUser, needsKubernetes, startKubernetes } from './kubernetes.ts';
import type { TestKubernetes, TestPod } from './kubernetes.ts';
import { sweepDeadRuns } from './ledger.ts';
import { SCRATCH_PARENT } from './places.ts';
import { isRunning } from './proc.ts';
import { type RunResult, runSync } from './run.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import { tracesOf } from './traces.ts';
import { waitFor } from './wait-for.ts';

const V5 = 'v5.channel.k8s.io';
const V4 = 'v4.channel.k8s.io';

/** An execution over a WebSocket, frame by frame. */
interface Execution {
  readonly protocol: string;
  send(channel: number, data: string | Buffer): void;
  output(channel: number): string;
  /** When it is closed: what came on the channel of errors, parsed; empty when nothing did. */
  ended(): Promise<Record<string, unknown>>;
}

interface Refused {
  status: number;
  text: string;
}

function shell(script: string): string {
  return ['sh', '-c', script].map((word) => `command=${encodeURIComponent(word)}`).join('&');
}

describe('the Kubernetes of the tests', function () {
  this.timeout(120_000);

  let kubernetes: TestKubernetes;
  let pod: TestPod;

  before(async function () {
    // The facade may have to be built.
    this.timeout(900_000);
    needsKubernetes(this);
    kubernetes = await startKubernetes();
    pod = await kubernetes.createPod({
      labels: { app: 'web' },
      annotations: { 'kubectl.kubernetes.io/default-container': 'web' },
      initContainers: [{ name: 'prepare', command: ['/bin/true'] }],
      containers: [
        { name: 'bare', kind: 'noshell' },
        { name: 'web', spec: { securityContext: { runAsUser: 1000, runAsGroup: 1000 }, workingDir: '/tmp' } },
      ],
    });
  });

  after(() => kubernetes?.stop());
  afterEach(() => kubernetes?.setExec());

  /** Both ways of kubectl; a version that does not know the variable knows only one. */
  function execByKubectl(protocol: 'SPDY' | 'WebSocket', words: string[], input = ''): Promise<RunResult> {
    const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(protocol === 'WebSocket') };
    return kubernetes.kubectlWith({ env, input }, 'exec', '-i', pod.name, '-c', 'web', '--', ...words);
  }

  function execPath(query: string, { namespace, name } = pod): string {
    return `/api/v1/namespaces/${namespace}/pods/${name}/exec?${query}`;
  }

  function connect(path: string, protocols: string[], user: KubernetesUser, port = kubernetes.port): WebSocket {
    const headers = user.token === undefined ? {} : { authorization: `Bearer ${user.token}` };
    return new WebSocket(`wss://127.0.0.1:${port}${path}`, protocols, {
      ca: readFileSync(kubernetes.caFile),
      ...(user.certificate === undefined
        ? {}
        : { cert: readFileSync(user.certificate.certFile), key: readFileSync(user.certificate.keyFile) }),
      headers,
      perMessageDeflate: false,
    });
  }

  async function execute(query: string, protocols = [V5], user = kubernetes.admin, port?: number): Promise<Execution> {
    const socket = connect(execPath(query), protocols, user, port);
    const channels = new Map<number, Buffer>();
    socket.on('message', (data: Buffer) => {
      const channel = data[0] ?? -1;
      channels.set(channel, Buffer.concat([channels.get(channel) ?? Buffer.alloc(0), data.subarray(1)]));
    });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await once(socket, 'open');
    // How a connection that is cut ends is another matter; it ends.
    socket.on('error', () => {});
    const output = (channel: number): string => String(channels.get(channel) ?? '');
    return {
      protocol: socket.protocol,
      send: (channel, data) => socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data)])),
      output,
      async ended() {
        await closed;
        return JSON.parse(output(3) || '{}') as Record<string, unknown>;
      },
    };
  }

  function refused(path: string, protocols = [V5], user = kubernetes.admin): Promise<Refused> {
    const socket = connect(path, protocols, user);
    return new Promise((resolve, reject) => {
      socket.on('open', () => reject(new Error('it was accepted')));
      socket.on('error', reject);
      socket.on('unexpected-response', (request, response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
        request.on('error', () => {});
      });
    });
  }

  async function refusal(path: string, user?: KubernetesUser): Promise<Record<string, unknown>> {
    const { status, text } = await refused(path, [V5], user);
    const answer = JSON.parse(text) as Record<string, unknown>;
    expect(answer).to.include({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status });
    return answer;
  }

  describe('to kubectl', () => {
    it('lists pods by their labels, in one namespace and in all', async () => {
      const elsewhere = await kubernetes.createPod({ namespace: 'other', labels: { app: 'db' } });
      expect((await kubernetes.kubectl('get', 'pods', '-l', 'app=web', '-o', 'name')).stdout).to.equal(
        `pod/${pod.name}\n`,
      );
      const all = (await kubernetes.kubectl('get', 'pods', '--all-namespaces', '-o', 'name')).stdout.split('\n');
      expect(all).to.include.members([`pod/${pod.name}`, `pod/${elsewhere.name}`]);
      await elsewhere.destroy();
    });

    for (const protocol of ['SPDY', 'WebSocket'] as const) {
      it(`executes over ${protocol}, with input to its end, outputs apart, and the exit code`, async () => {
        const result = await execByKubectl(protocol, ['sh', '-c', 'cat; echo two >&2; exit 42'], 'one\n');
        expect(result.stdout).to.equal('one\n');
        expect(result.stderr).to.match(/^two\n/);
        expect(result.exitCode).to.equal(42);
      });
    }

    it('passes SPDY on, as every version of kubectl can speak it', async () => {
      expect((await execByKubectl('SPDY', ['true'])).exitCode).to.equal(0);
      const last = (await kubernetes.requests()).filter(({ uri }) => uri.includes('/exec?')).at(-1);
      expect(last?.method).to.equal('POST');
      expect(last?.protocol).to.match(/^SPDY\/3\.1 .*v4\.channel\.k8s\.io/);
    });

    it('finds the pods of a workload', async () => {
      await kubernetes.createWorkload('deployments', { name: 'web', matchLabels: { app: 'web' } });
      const { stdout } = await kubernetes.kubectl('exec', 'deployment/web', '-c', 'web', '--', 'echo', 'here');
      expect(stdout).to.equal('here\n');
    });
  });

  describe('to a WebSocket', () => {
    it('speaks v5: outputs apart, the exit code in the Status at the end', async () => {
      const script = 'echo one; echo two >&2; exit 42';
      const execution = await execute(`container=web&stdout=true&stderr=true&${shell(script)}`, [V5, V4]);
      expect(execution.protocol).to.equal(V5);
      expect(await execution.ended()).to.deep.include({
        status: 'Failure',
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: '42' }] },
      });
      expect(execution.output(1)).to.equal('one\n');
      expect(execution.output(2)).to.equal('two\n');
    });

    it('ends the input when v5 says so, and the output still comes', async () => {
      const execution = await execute('container=web&stdin=true&stdout=true&command=wc&command=-c');
      execution.send(0, Buffer.alloc(100_000));
      execution.send(255, Buffer.from([0]));
      expect(await execution.ended()).to.include({ status: 'Success' });
      expect(execution.output(1).trim()).to.equal('100000');
    });

    it('has terminals, with the size they are told', async () => {
      const words = shell('read line; stty size; tty');
      const execution = await execute(`container=web&stdin=true&stdout=true&tty=true&${words}`);
      execution.send(4, JSON.stringify({ Width: 123, Height: 45 }));
      // The size takes another way than the input.
      const look = `container=web&stdout=true&${shell('stty size </dev/pts/0')}`;
      await waitFor(
        async () => {
          const looking = await execute(look);
          await looking.ended();
          return looking.output(1) === '45 123\n';
        },
        { what: 'the terminal to have its size' },
      );
      execution.send(0, 'go\n');
      expect(await execution.ended()).to.include({ status: 'Success' });
      expect(execution.output(1)).to.equal('go\r\n45 123\r\n/dev/pts/0\r\n');
    });

    it('is an old server that leaves v4 to containerd, where v5 is switched off', async () => {
      await kubernetes.setExec({ v5: false });
      const execution = await execute('container=web&stdout=true&command=false', [V5, V4]);
      expect(execution.protocol).to.equal(V4);
      expect(await execution.ended()).to.include({ reason: 'NonZeroExitCode' });
      expect((await refused(execPath('container=web&stdout=true&command=true'), [V5])).status).to.be.within(400, 499);
      expect((await kubernetes.api('GET', '/version')).text).to.include('v1.28');
    });

    it('is behind something that knows no WebSockets, where they are switched off', async () => {
      await kubernetes.setExec({ webSocket: false });
      expect(await refusal(execPath('container=web&stdout=true&command=true'))).to.include({
        code: 400,
        reason: 'BadRequest',
        message: 'Upgrade request required',
      });
    });

    it('gives no Status to a connection that is cut, and does not end the command', async () => {
      const proxy = await startTcpProxy('127.0.0.1', kubernetes.port);
      try {
        const before = await pod.pids('web');
        const words = shell('echo begun; exec sleep 1000');
        const execution = await execute(`container=web&stdout=true&${words}`, [V5], kubernetes.admin, proxy.port);
        await waitFor(() => execution.output(1) === 'begun\n', { what: 'the command to have begun' });
        proxy.cut();
        expect(await execution.ended()).to.deep.equal({});
        const [left, ...more] = (await pod.pids('web')).filter((pid) => !before.includes(pid));
        expect(more).to.deep.equal([]);
        expect(left).to.be.a('number');
        process.kill(left as number, 'SIGKILL');
      } finally {
        await proxy.stop();
      }
    });

    it('says what the runtime says of a command that is not there', async () => {
      const execution = await execute('container=bare&stdout=true&command=/bin/sh');
      const status = await execution.ended();
      expect(status).to.include({ status: 'Failure', reason: 'InternalError' });
      expect(status['message']).to.match(/exec: "\/bin\/sh": .*no such file or directory/);
    });
  });

  describe('refuses', () => {
    it('a wrong token', async () => {
      const nobody = { ...kubernetes.admin, token: 'wrong' };
      expect(await refusal(execPath('stdout=true&command=true'), nobody)).to.include({
        code: 401,
        reason: 'Unauthorized',
        message: 'Unauthorized',
      });
    });

    it('somebody without credentials', async () => {
      const nobody = { ...kubernetes.admin, token: undefined };
      expect(await refusal(execPath('stdout=true&command=true'), nobody)).to.include({
        code: 403,
        reason: 'Forbidden',
      });
    });

    it('what somebody has no right to, which a review says before', async () => {
      const namespaces = ['other'];
      const reader = await kubernetes.addUser({
        name: 'reader',
        rules: [
          { namespaces: ['*'], resources: ['pods'], verbs: ['get', 'list'] },
          { namespaces, resources: ['pods/exec'], verbs: ['get', 'create'] },
        ],
      });
      expect(await refusal(execPath('stdout=true&command=true'), reader)).to.include({
        code: 403,
        message: `pods "${pod.name}" is forbidden: User "reader" cannot get resource "pods/exec" in API group "" in the namespace "default"`,
      });
      const review = async (namespace: string): Promise<string> => {
        const words = ['auth', 'can-i', 'create', 'pods', '--subresource=exec', '--namespace', namespace];
        return (await kubernetes.kubectl(...words, '--kubeconfig', reader.kubeconfig)).stdout;
      };
      expect(await review('default')).to.equal('no\n');
      expect(await review('other')).to.equal('yes\n');
    });

    it('a GET to one who may not create, where the server is that new', async () => {
      await kubernetes.setExec({ getNeedsCreate: true });
      const rules = [{ namespaces: ['*'], resources: ['*'], verbs: ['get'] }];
      const getter = await kubernetes.addUser({ rules, certificate: true });
      const query = 'container=web&stdout=true&command=true';
      expect((await refusal(execPath(query), getter))['message']).to.include('cannot create resource "pods/exec"');
      await kubernetes.setExec();
      expect(await (await execute(query, [V5], getter)).ended()).to.include({ status: 'Success' });
    });

    it('pods and containers that are not there', async () => {
      expect(await refusal(execPath('command=true', { ...pod, name: 'nosuch' }))).to.include({
        code: 404,
        message: 'pods "nosuch" not found',
      });
      expect(await refusal(execPath('container=nosuch&command=true'))).to.include({
        code: 400,
        message: `container nosuch is not valid for pod ${pod.name}`,
      });
      expect((await refusal(execPath('command=true')))['message']).to.equal(
        `a container name must be specified for pod ${pod.name}, choose one of: [bare web] or one of the init containers: [prepare]`,
      );
      expect((await kubernetes.api('GET', '/apis/apps/v1/namespaces/default/daemonsets/nosuch')).status).to.equal(404);
    });

    it('containers that do not run', async () => {
      const over = await kubernetes.createPod({
        containers: [{ name: 'main', command: ['/bin/false'] }],
        spec: { restartPolicy: 'Never' },
      });
      const path = `/api/v1/namespaces/default/pods/${over.name}`;
      await waitFor(async () => (await kubernetes.api('GET', path)).text.includes('"phase":"Failed"'), {
        what: 'the pod to have failed',
      });
      const answer = await refused(execPath('stdout=true&command=true', over), [V4]);
      expect(answer).to.deep.include({ status: 500 });
      expect(answer.text).to.include('container is in CONTAINER_EXITED state');
      await over.destroy();
      const waiting = { waiting: { reason: 'CrashLoopBackOff' } };
      const containerStatuses = [
        { name: 'main', state: waiting, ready: false, restartCount: 3, image: '', imageID: '' },
      ];
      const crashing = await kubernetes.createPod({
        pretendedStatus: { phase: 'Running', hostIP: '127.0.0.1', containerStatuses },
      });
      const shown = await kubernetes.api('GET', `/api/v1/namespaces/default/pods/${crashing.name}`);
      expect(JSON.parse(shown.text)).to.have.nested.property('status.containerStatuses[0].state').deep.equal(waiting);
      expect(shown.text).not.to.include('facade/status');
      expect((await refused(execPath('stdout=true&command=true', crashing), [V4])).text).to.equal(
        'container not found ("main")',
      );
      await crashing.destroy();
    });
  });

  describe('a pod', () => {
    it('has the users and images that it was made with', async () => {
      expect((await pod.attach(['sh', '-c', 'id -un; pwd'], 'web')).stdout).to.equal('app\n/tmp\n');
      expect((await pod.attach(['printf', '%s', 'no shell here'], 'bare')).stdout).to.equal('no shell here');
    });

    it('shows its processes from outside, and takes them along when it is deleted', async () => {
      const short = await kubernetes.createPod();
      const execution = await execute('stdout=true&command=sh&command=-c&command=sleep+1000+%26+echo+begun;wait', [
        V5,
      ]).catch(() => undefined);
      expect(execution).to.equal(undefined);
      const attached = short.attach(['sh', '-c', 'sleep 1000 & echo begun; wait']);
      const pids = await waitFor(
        async () => {
          const all = await short.pids();
          return all.length >= 3 && all;
        },
        { what: 'the processes to be seen' },
      );
      expect(pids).to.include(await short.initPid());
      await short.destroy();
      expect((await attached).exitCode).to.equal(137);
      expect(pids.filter((pid) => isRunning(pid))).to.deep.equal([]);
      expect((await kubernetes.api('GET', `/api/v1/namespaces/default/pods/${short.name}`)).status).to.equal(404);
    });
  });

  it('has an API server whose source is formatted', function () {
    needs(this, 'gofmt', findExecutable('gofmt') !== undefined, 'it comes with Go');
    const { stdout } = runSync(['gofmt', '-l', join(import.meta.dirname, 'kubernetes/facade')]);
    expect(stdout).to.equal('');
  });

  it('leaves nothing behind: when it is stopped, and when the run that started it was killed', async () => {
    const library = new URL('kubernetes.ts', import.meta.url).href;
    const script = `
      import { startKubernetes } from ${JSON.stringify(library)};
      const directoryOf = (kubernetes) => kubernetes.caFile.split('/')[3];
      const stopped = await startKubernetes();
      await stopped.createPod();
      await stopped.stop();
      const kubernetes = await startKubernetes();
      const pod = await kubernetes.createPod();
      console.log(JSON.stringify([directoryOf(stopped), directoryOf(kubernetes), await pod.initPid()]));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      const [stopped, killed, pid] = JSON.parse(line) as [string, string, number];
      expect(tracesOf([stopped])).to.deep.equal([]);
      expect(tracesOf([killed])).not.to.deep.equal([]);
      const addresses = globSync(`${SCRATCH_PARENT}/${killed}/state/io.containerd.runtime.v2.task/k8s.io/*/address`);
      const sockets = addresses.map((file) => readFileSync(file, 'utf8').replace('unix://', ''));
      expect(sockets.filter((path) => existsSync(path))).not.to.deep.equal([]);
      child.kill('SIGKILL');
      await exited;
      sweepDeadRuns();
      expect(tracesOf([killed])).to.deep.equal([]);
      expect(isRunning(pid)).to.equal(false);
      expect(sockets.filter((path) => existsSync(path))).to.deep.equal([]);
      for (const name of [stopped, killed])
        for (const hierarchy of ['', 'pids/', 'unified/'])
          expect(existsSync(`/sys/fs/cgroup/${hierarchy}${name}`), `${hierarchy}${name}`).to.equal(false);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
