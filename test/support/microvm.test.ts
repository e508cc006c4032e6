import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { assertNothingNew, endProcess, processesIn, processesSince, snapshotProcesses } from './container/leftovers.ts';
import { sweepDeadRuns } from './ledger.ts';
import { dialHybrid } from './microvm/dial.ts';
import { goProgram, VSOCK_DEVICE_MODULE } from './microvm/go-program.ts';
import { type MicroVm, startMicroVm } from './microvm/microvm.ts';
import { needsMicroVm } from './microvm/needs.ts';
import { type ObservedMicroVm, startObservedMicroVm } from './microvm/observed.ts';
import { isRunning } from './proc.ts';
import { rootfsOf } from './rootfs/cache.ts';
import { must } from './run.ts';
import { scratchDirectory } from './scratch.ts';
import { waitFor } from './wait-for.ts';

/** As in echo-guest. */
const ECHO = 2222;
const BYE = 2223;
const MIB = 1024 * 1024;

describe('a guest that is reached over vsock', function () {
  this.timeout(180_000);
  let vm: MicroVm;

  before(async function () {
    needsMicroVm(this);
    vm = await startMicroVm({ agent: await goProgram('echo-guest') });
  });

  after(() => vm?.stop());

  async function dial(port = ECHO): Promise<Socket> {
    const socket = await dialHybrid(vm.hybridSocket, port);
    if (socket === undefined) throw new Error(`nobody at port ${port}`);
    return socket;
  }

  it('gives back what it was sent, byte for byte', async () => {
    expect(await echoes(await dial(), 64 * MIB)).to.equal(true);
  });

  it('serves many connections at once', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => dial()));
    const done = await Promise.all(sockets.map((socket) => echoes(socket, MIB)));
    expect(done).to.deep.equal(sockets.map(() => true));
  });

  it('serves others while a client does not read, and that one loses nothing', async () => {
    const lazy = await dial();
    const sent = randomBytes(8 * MIB);
    // Much more than all buffers on the way hold.
    const written = new Promise<void>((resolve) => lazy.write(sent, () => resolve()));
    expect(await echoes(await dial(), MIB)).to.equal(true);
    expect(lazy.writableLength).to.be.greaterThan(0);
    const got = collect(lazy, sent.length);
    await written;
    expect((await got).equals(sent)).to.equal(true);
    lazy.destroy();
  });

  it('still hears a client after it has closed its own half', async () => {
    const socket = await dial(BYE);
    expect((await collect(socket)).toString()).to.equal('bye\n');
    socket.end(Buffer.alloc(12_345));
    await waitFor(() => vm.log().includes('after bye: 12345 bytes, <nil>'), { what: 'the guest to have heard all' });
  });

  it('does not answer while it stands still, and then does', async () => {
    vm.pause();
    const dialled = dial();
    const first = await Promise.race([dialled, sleep(100, 'nothing')]).finally(() => vm.resume());
    expect(first).to.equal('nothing');
    expect(await echoes(await dialled, 1)).to.equal(true);
  });

  it('is gone at once when its power fails, and its clients hear of it', async () => {
    const pids = vm.pids();
    expect(pids).to.not.deep.equal([]);
    const busy = await Promise.all([dial(), dial(BYE)]);
    for (const socket of busy) {
      socket.on('error', () => {});
      socket.resume();
      socket.write(randomBytes(MIB));
    }
    // It comes as an end or as a reset; half-open as these are, an end has to be answered.
    const over = busy.map((socket) => new Promise((resolve) => socket.once('end', resolve).once('close', resolve)));
    await vm.kill();
    await Promise.all(over);
    for (const socket of busy) socket.destroy();
    await waitFor(() => pids.every((pid) => !isRunning(pid)), { what: 'its processes to be gone' });
    expect(vm.pids()).to.deep.equal([]);
    const error = await dialHybrid(vm.hybridSocket, ECHO).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'ECONNREFUSED');
    await vm.stop();
    expect(existsSync(dirname(vm.hybridSocket))).to.equal(false);
  });
});

describe('a guest that is observed', function () {
  this.timeout(180_000);
  let vm: ObservedMicroVm;

  before(async function () {
    needsMicroVm(this);
    vm = await startObservedMicroVm({ agent: await goProgram('echo-guest') });
  });

  after(() => vm?.stop());

  it('runs programs for us', async () => {
    const { exitCode, stdout, stderr } = await vm.inside.attach(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect([exitCode, stdout, stderr]).to.deep.equal([3, 'out\n', 'err\n']);
    const error = await vm.inside.attach(['/no/such']).catch((reason: unknown) => reason);
    expect(String(error)).to.match(/observer in the guest: .*no such file/);
  });

  it('shows what runs there, and ends it', async () => {
    const before = await snapshotProcesses(vm.inside);
    await vm.inside.attach(['sh', '-c', 'setsid sleep 100000 >/dev/null 2>&1 </dev/null &']);
    const [sleeper] = await waitFor(
      async () => {
        const found = await processesSince(vm.inside, before);
        return found.length === 1 && found[0]?.args === 'sleep 100000' && found;
      },
      { what: 'only the program to be new' },
    );
    await endProcess(vm.inside, sleeper?.pid ?? 0);
    await assertNothingNew(vm.inside, before);
  });

  it('does not show the threads of its kernel', async () => {
    const all = await vm.inside.attach(['cat', '/proc/2/comm']);
    expect(all.stdout).to.equal('kthreadd\n');
    const pids = (await processesIn(vm.inside)).map(({ pid }) => pid);
    expect(pids).to.include(1).and.not.include(2);
  });
});

describe('how a guest is made', function () {
  this.timeout(180_000);

  before(function () {
    needsMicroVm(this);
  });

  it('has what it was given, and is given up with its log when its agent ends', async () => {
    const directory = scratchDirectory();
    const agent = join(directory, 'agent');
    writeFileSync(
      agent,
      `#!/bin/sh
      echo "args: $1, $2"
      cat /etc/microvm-test/file /overlay/newroot/below/file
      stat -c '%a %N' /overlay/newroot/below/link
      chroot /overlay/newroot/as-root sh -c 'echo "in a root: $(cat /proc/1/comm)" >/dev/console'
      echo "pid 1: $(cat /proc/1/comm), user: $(id -un app), cgroups: $(stat -f -c %T /sys/fs/cgroup)"
      test -c /dev/ptmx && test -d /dev/pts && echo "terminals"
      exit 7`,
    );
    const tree = join(directory, 'tree');
    mkdirSync(join(tree, 'below'), { recursive: true });
    writeFileSync(join(tree, 'below/file'), 'of a tree\n');
    await must(['ln', '-s', 'file', join(tree, 'below/link')]);
    const error = await startMicroVm({
      agent,
      args: ["it's", '$HOME'],
      files: { '/etc/microvm-test/file': 'a file\n' },
      trees: { '/overlay/newroot': tree, '/overlay/newroot/as-root': rootfsOf('busybox') },
    }).catch((reason: unknown) => reason);
    const lines = String(error).split(/\r?\n/);
    expect(lines).to.include.members([
      "args: it's, $HOME",
      'a file',
      'of a tree',
      "777 '/overlay/newroot/below/link' -> 'file'",
      'pid 1: init, user: app, cgroups: UNKNOWN',
      'in a root: init',
      'terminals',
      'microvm: the agent ended with 7',
    ]);
  });

  it('leaves nothing when the run that made it is killed', async () => {
    const script = `
      import { goProgram } from ${JSON.stringify(new URL('microvm/go-program.ts', import.meta.url).href)};
      import { startMicroVm } from ${JSON.stringify(new URL('microvm/microvm.ts', import.meta.url).href)};
      const { hybridSocket, pids } = await startMicroVm({ agent: await goProgram('echo-guest') });
      console.log(JSON.stringify({ hybridSocket, pids: pids() }));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      const { hybridSocket, pids } = JSON.parse(line) as { hybridSocket: string; pids: number[] };
      expect(pids).to.not.deep.equal([]);
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      sweepDeadRuns();
      await waitFor(() => pids.every((pid) => !isRunning(pid)), { what: 'its processes to be gone' });
      expect(existsSync(dirname(hybridSocket))).to.equal(false);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('has a vsock device that keeps its own rules, and whose code is in order', async () => {
    const options = { cwd: VSOCK_DEVICE_MODULE, timeoutMs: 150_000 };
    expect((await must(['gofmt', '-l', '.'], options)).stdout).to.equal('');
    await must(['go', 'vet', './...'], options);
    await must(['go', 'test', '-count=1', '.'], options);
  });
});

/** Sends so much, closes its half, and tells whether just that came back. */
async function echoes(socket: Socket, size: number): Promise<boolean> {
  const [sent, got] = [createHash('sha256'), createHash('sha256')];
  const piece = randomBytes(Math.min(size, MIB));
  socket.on('data', (chunk: Buffer) => got.update(chunk));
  const ended = once(socket, 'end');
  for (let count = 0; count < size; count += piece.length) {
    sent.update(piece);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  socket.end();
  await ended;
  return got.digest('hex') === sent.digest('hex');
}

/** So many bytes, or all until the end. */
async function collect(socket: Socket, size = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let count = 0;
  const enough = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      count += chunk.length;
      if (count >= size) resolve();
    });
    socket.once('end', () => resolve());
  });
  await enough;
  return Buffer.concat(chunks);
}
