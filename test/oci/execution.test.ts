import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';

import { expect } from 'chai';

import type { Word } from '../../src/model/request.ts';
import type { ExecResult } from '../../src/model/result.ts';
import { startExecution } from '../../src/oci/execution.ts';
import type { ExecOptions, Execution, StartNotice } from '../../src/oci/execution.ts';
import type { HostInventory } from '../../src/oci/locate.ts';
import { NodeConfig } from '../../src/proxmox/node/config.ts';
import { schemaErrors } from '../model/schema.ts';
import {
  assertNothingNew,
  processesMatching,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
} from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';
import type { Terminal } from '../support/tmux.ts';
import { withLimit } from '../support/limits.ts';
import { waitFor } from '../support/wait-for.ts';

describe('an execution', () => {
  let container: Container;
  let inventory: HostInventory;
  let snapshot: ProcessSnapshot;
  let openFiles: number[];

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    inventory = { lxcpaths: [container.lxcpath], pve: new NodeConfig('/nonexistent') };
  });

  beforeEach(async () => {
    openFiles = [];
    snapshot = await snapshotProcesses(container);
  });

  afterEach(async () => {
    for (const fd of openFiles) closeSync(fd);
    await assertNothingNew(container, snapshot);
  });

  after(() => container.destroy());

  function start(command: readonly Word[], options: ExecOptions = {}): Execution {
    return startExecution(inventory, container.name, command, options);
  }

  async function result(command: readonly Word[], options: ExecOptions = {}): Promise<ExecResult> {
    const found = await start(command, options).result;
    expect(schemaErrors(found)).to.deep.equal([]);
    return found;
  }

  function open(path: string, flags: string): number {
    const fd = openSync(path, flags);
    openFiles.push(fd);
    return fd;
  }

  /** Waits until the command's `sleep` runs; the shell before it has the same words in its script. */
  async function sleeps(seconds: string): Promise<void> {
    const line = `sleep ${seconds}`;
    await waitFor(async () => (await processesMatching(container, seconds)).some(({ args }) => args === line), {
      what: `${line} to run`,
    });
  }

  it('reports what happened', async () => {
    const found = await result(['sh', '-c', 'echo out; echo err >&2; exit 42']);
    expect(found).to.deep.include({
      container: { id: container.name, name: container.name, platform: 'lxc' },
      method: 'lxc-attach',
      command: ['sh', '-c', 'echo out; echo err >&2; exit 42'],
      exitCode: 42,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      started: true,
      treeKill: true,
      timedOut: false,
      canceled: false,
      error: null,
    });
    expect(found.attempts.map(({ method, outcome }) => [method, outcome])).to.deep.equal([
      ['proxmox-api', 'skipped'],
      ['pct', 'skipped'],
      ['lxc-attach', 'used'],
    ]);
  });

  it('measures its time, and knows when it began', async () => {
    const begin = Date.now();
    const { durationMs, startedAt } = await result(['sleep', '0.2']);
    expect(durationMs).to.be.within(200, Date.now() - begin + 1);
    expect(Date.parse(startedAt)).to.be.within(begin, Date.now());
  });

  it('has the id that marks its processes', async () => {
    const execution = start(['sh', '-c', 'echo $PROXMOX_LXCRI_EXEC_ID']);
    const { id, stdout } = await execution.result;
    expect([id, stdout]).to.deep.equal([execution.id, `${execution.id}\n`]);
  });

  it('takes an id, and says when the command has started and by whom', async () => {
    const id = '00000000-0000-4000-8000-00000000abcd';
    const notices: StartNotice[] = [];
    const execution = start(['sleep', '5117'], { id, onStarted: (notice) => notices.push(notice) });
    await sleeps('5117');
    await waitFor(() => notices.length > 0, { what: 'the start to be told' });
    expect(notices).to.deep.equal([
      { container: { id: container.name, name: container.name, platform: 'lxc' }, method: 'lxc-attach' },
    ]);
    execution.signal('SIGTERM');
    expect([execution.id, (await execution.result).id]).to.deep.equal([id, id]);
    await start(['no-such-command'], { onStarted: (notice) => notices.push(notice) }).result;
    expect(notices.length, 'nothing was started').to.equal(1);
  });

  it('hands output to a sink, and waits for it', async () => {
    const chunks: Buffer[] = [];
    let busy = 0;
    const sink = async (chunk: Buffer): Promise<void> => {
      expect(++busy).to.equal(1);
      await new Promise((resolve) => setImmediate(resolve));
      chunks.push(chunk);
      busy--;
    };
    const found = await result(['sh', '-c', 'head -c 1000000 /dev/zero; echo err >&2'], { stdout: { sink } });
    expect([Buffer.concat(chunks).length, found.stdout, found.stderr]).to.deep.equal([1_000_000, '', 'err\n']);
  });

  it('is killed at once, with its whole tree, before and after the start', async () => {
    let started = false;
    const execution = start(['sh', '-c', 'trap "" TERM; setsid sleep 5118 & sleep 5119'], {
      killAfterMs: 60_000,
      onStarted: () => (started = true),
    });
    await sleeps('5119');
    await waitFor(() => started, { what: 'the start to be told' });
    execution.kill();
    expect(await execution.result).to.deep.include({ exitCode: 137, canceled: true, started: true, treeKill: true });
    const early = start(['sleep', '5120']);
    early.kill();
    expect(await early.result).to.deep.include({ exitCode: 137, canceled: true, started: false });
  });

  it('captures bytes that are no text, and bounded', async () => {
    const binary = await result(['printf', '\\377\\000a']);
    expect([binary.stdoutEncoding, Buffer.from(binary.stdout, 'base64').toString('latin1')]).to.deep.equal([
      'base64',
      '\u00ff\0a',
    ]);
    const long = await result(['sh', '-c', 'head -c 1000000 /dev/zero | tr "\\0" x; printf ab >&2'], {
      maxOutputBytes: 1000,
    });
    expect(long).to.deep.include({ stdout: 'x'.repeat(1000), stderr: 'ab', truncated: true, exitCode: 0 });
  });

  it('gives the command descriptors as they are, and drops what is ignored', async () => {
    const directory = scratchDirectory();
    writeFileSync(`${directory}/in`, 'from a file\n');
    const stream = (): never => {
      throw new Error('the stream is not wanted');
    };
    const found = await result(['sh', '-c', 'cat; echo err >&2'], {
      stdin: { fd: open(`${directory}/in`, 'r'), stream },
      stdout: { fd: open(`${directory}/out`, 'w'), stream },
      stderr: 'ignore',
    });
    expect(found).to.deep.include({ exitCode: 0, stdout: '', stderr: '' });
    expect(readFileSync(`${directory}/out`, 'utf8')).to.equal('from a file\n');
  });

  it('keeps a held descriptor to itself: what the command leaves running does not have it', async () => {
    const chunks: Buffer[] = [];
    const stream = (): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          chunks.push(chunk);
          done();
        },
      });
    const found = await result(['sh', '-c', 'echo out; readlink /proc/self/fd/1; sleep 3 &'], {
      stdout: { fd: open('/dev/null', 'w'), stream, held: true },
    });
    expect(found).to.deep.include({ exitCode: 0, stdout: '', outputIncomplete: true });
    expect(Buffer.concat(chunks).toString())
      .to.match(/^out\n.+\n$/)
      .and.not.to.include('/dev/null');
  });

  it('has no input where none is given', async () => {
    expect(await result(['cat'])).to.deep.include({ exitCode: 0, stdout: '' });
  });

  it('passes on environment, directory and user', async () => {
    const { stdout } = await result(['sh', '-c', 'echo "$A|$PWD|$(id -u)|$(id -G)|$HOME|$USER"'], {
      env: new Map([['A', 'a b\n']]),
      workdir: '/tmp',
      user: { user: 'app' },
    });
    expect(stdout).to.equal('a b\n|/tmp|1000|1000 2000 2001|/home/app|app\n');
  });

  it('says why nothing was started', async () => {
    const CASES: [Promise<ExecResult>, string, number][] = [
      [startExecution(inventory, 'nosuch', ['true']).result, 'ContainerNotFound', 125],
      [startExecution(inventory, 'a/b', ['true']).result, 'UsageError', 125],
      [startExecution(inventory, '', ['true']).result, 'MissingContainerId', 125],
      [result(['nosuch']), 'CommandNotFound', 127],
      [result(['/etc']), 'CommandNotExecutable', 126],
      [result(['true'], { workdir: '/nosuch' }), 'WorkdirNotFound', 125],
      [result(['true'], { user: { user: 'nosuch' } }), 'UserNotFound', 125],
      [result(['true'], { methods: ['docker'] }), 'NoMethodAvailable', 125],
    ];
    for (const [promise, code, exitCode] of CASES) {
      const found = await promise;
      expect([found.error?.code, found.exitCode, found.started], code).to.deep.equal([code, exitCode, false]);
      expect([found.method, found.treeKill, schemaErrors(found)], code).to.deep.equal([null, false, []]);
    }
  });

  it('ends everything after the time-out, also what left the session and its environment', async () => {
    const script = 'setsid env -i sleep 1011 & (trap "" TERM; sleep 1012; sleep 1013) & echo begun; sleep 1014';
    const found = await withLimit(
      500,
      (timeoutMs) => result(['sh', '-c', script], { timeoutMs, killAfterMs: 300 }),
      ({ stdout }) => stdout !== '',
    );
    expect(found).to.deep.include({
      exitCode: 124,
      timedOut: true,
      canceled: false,
      started: true,
      treeKill: true,
      stdout: 'begun\n',
    });
    expect(found.error?.code).to.equal('ExecutionTimeout');
  });

  it('is not timed out by what it left behind on purpose', async () => {
    const found = await result(['sh', '-c', 'sleep 1015 >/dev/null 2>&1 & echo $!'], { timeoutMs: 60_000 });
    expect(found).to.deep.include({ exitCode: 0, timedOut: false, outputIncomplete: false });
    expect(await processesMatching(container, '1015')).to.have.length(1);
    await container.attach(['kill', '-KILL', found.stdout.trim()]);
  });

  it('does not wait for who keeps its pipe, and says so', async () => {
    const begin = performance.now();
    const found = await result(['sh', '-c', 'sleep 1016 & echo $!']);
    expect(performance.now() - begin).to.be.within(900, 20_000);
    expect(found).to.deep.include({ exitCode: 0, outputIncomplete: true });
    expect(await processesMatching(container, '1016')).to.have.length(1);
    await container.attach(['kill', '-KILL', found.stdout.trim()]);
  });

  it('times out before anything was started', async () => {
    const execution = start(['sleep', '1017'], { timeoutMs: 1 });
    // The time is over before anything can be heard from the container.
    const begin = performance.now();
    while (performance.now() - begin < 20);
    const found = await execution.result;
    expect(found).to.deep.include({ exitCode: 124, timedOut: true, started: false });
    expect(found.error?.code).to.equal('ExecutionTimeout');
  });

  it('is canceled before anything was started', async () => {
    const execution = start(['sleep', '1018']);
    execution.signal('SIGTERM');
    const found = await execution.result;
    expect(found).to.deep.include({ exitCode: 143, canceled: true, started: false, error: null });
  });

  it('passes a signal on, and reports the exit code of the command', async () => {
    const execution = start(['sh', '-c', 'trap "exit 7" TERM; sleep 1019 & wait']);
    await sleeps('1019');
    execution.signal('SIGTERM');
    expect(await execution.result).to.deep.include({ exitCode: 7, canceled: true, timedOut: false, error: null });
  });

  describe('whose input is a terminal', () => {
    // Of another process: ours would hand its other side to what we start.
    let terminal: Terminal;
    let fd: number;

    beforeEach(async () => {
      terminal = await openTerminal();
      // Nobody else may read it.
      await terminal.type('echo alo""ne; exec sleep 1000');
      await terminal.waitForScreen(/^alone$/m);
      fd = openSync(terminal.device, constants.O_RDWR | constants.O_NOCTTY);
      openFiles.push(fd);
    });
    afterEach(closeTerminals);

    async function startReader(): Promise<Execution> {
      const stream = () => new ReadStream(fd);
      const script = 'setsid sleep 107400003 & cat >/dev/null; exit 3';
      const execution = start(['sh', '-c', script], { stdin: { fd, stream } });
      await sleeps('107400003');
      return execution;
    }

    it('is canceled when that is gone, also if no signal says so', async () => {
      const execution = await startReader();
      terminal.close();
      expect(await execution.result).to.deep.include({ canceled: true, started: true, treeKill: true });
      expect(await processesMatching(container, '107400003')).to.deep.equal([]);
    });

    it('is not canceled when the end of input is typed', async () => {
      const execution = await startReader();
      await terminal.press('C-d');
      expect(await execution.result).to.deep.include({ canceled: false, exitCode: 3 });
      const [left] = await processesMatching(container, '107400003');
      process.kill(left?.pid ?? expect.fail('what was meant to stay is gone'), 'SIGKILL');
    });
  });

  it('kills what ignores the signal', async () => {
    const execution = start(['sh', '-c', 'trap "" TERM INT; while :; do sleep 1020; done'], { killAfterMs: 200 });
    await sleeps('1020');
    const begin = performance.now();
    execution.signal('SIGINT');
    expect(await execution.result).to.deep.include({ exitCode: 137, canceled: true });
    expect(performance.now() - begin).to.be.within(190, 20_000);
  });

  it('forwards USR1 without ending anything', async () => {
    const execution = start(['sh', '-c', 'trap "echo usr1; kill \\$!; exit 3" USR1; sleep 1021 & wait'], {
      killAfterMs: 1,
    });
    await sleeps('1021');
    execution.signal('SIGUSR1');
    const found = await execution.result;
    expect(found).to.deep.include({ exitCode: 3, canceled: false });
    expect(found.stdout).to.equal('usr1\n');
  });

  it('reports a lost status as lost, never as success', async () => {
    const own = await startContainer({ kind: 'busybox' });
    try {
      const execution = startExecution(inventory, own.name, ['sleep', '1022']);
      const helper = await waitFor(
        async () => {
          const [command] = await processesMatching(own, '1022');
          return command?.args === 'sleep 1022' && command.parent;
        },
        { what: 'the command' },
      );
      process.kill(helper, 'SIGKILL');
      const found = await execution.result;
      expect(found).to.deep.include({ exitCode: 255, connectionLost: true, started: true, treeKill: true });
      expect(found.error?.code).to.equal('ConnectionLost');
      expect(await processesMatching(own, '1022')).to.deep.equal([]);
    } finally {
      await own.destroy();
    }
  });

  it('streams through streams with a terminal of its own, and ends it with its input', async () => {
    let text = '';
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        setImmediate(done);
      },
    });
    const found = await result(['sh', '-c', 'stty size; cat'], {
      terminal: { columns: 90, rows: 30, type: 'xterm' },
      stdin: {
        fd: open('/dev/null', 'r'),
        stream: () => Readable.from([Buffer.from('typed\n')], { objectMode: false }),
      },
      stdout: { fd: open('/dev/null', 'w'), stream: () => stdout },
    });
    expect(found).to.deep.include({ exitCode: 0, stdout: '' });
    // The terminal's echo may come before the command's first output.
    expect(text.split('\r\n').toSorted()).to.deep.equal(['', '30 90', 'typed', 'typed']);
  });
});
