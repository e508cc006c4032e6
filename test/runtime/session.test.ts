import { createHash } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { createRuntime } from '../../src/index.ts';
import type { ExecResult, ExecSession, Runtime } from '../../src/index.ts';
import { schemaErrors } from '../model/schema.ts';
import { assertNothingNew, processesMatching, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';

const MIB = 1024 * 1024;

describe('a session', () => {
  let container: Container;
  let runtime: Runtime;
  let name: string;
  let snapshot: ProcessSnapshot;

  before(async () => {
    container = await startContainer({ kind: 'debian' });
    ({ name } = container);
    runtime = createRuntime({ lxcpath: container.lxcpath, pveDirectory: '/nonexistent', methods: ['lxc-attach'] });
  });

  beforeEach(async () => {
    snapshot = await snapshotProcesses(container);
  });

  afterEach(() => assertNothingNew(container, snapshot));

  after(() => container.destroy());

  /** Waits until a `sleep` runs; a shell before it may have the same words in its script. */
  async function sleeps(seconds: string): Promise<void> {
    const line = `sleep ${seconds}`;
    await waitFor(async () => (await processesMatching(container, seconds)).some(({ args }) => args === line), {
      what: `${line} to run`,
    });
  }

  describe('that is awaited', () => {
    it('gives the result, in the form of --json', async () => {
      const run = runtime.exec(name, ['sh', '-c', 'echo "$A"; echo err >&2; id -un; pwd; exit 42'], {
        env: { A: 'é' },
        user: 'nobody',
        workdir: '/tmp',
      });
      const result = await run;
      expect(schemaErrors(result)).to.deep.equal([]);
      expect(result).to.deep.include({
        id: run.id,
        exitCode: 42,
        stdout: 'é\nnobody\n/tmp\n',
        stderr: 'err\n',
        method: 'lxc-attach',
        started: true,
        error: null,
      });
      expect(await run, 'awaited again').to.equal(result);
      expect([run.stdin, run.stdout, run.stderr]).to.deep.equal([null, null, null]);
    });

    it('is a promise to everything that takes one', async () => {
      const [one, two] = await Promise.all([runtime.exec(name, ['true']), runtime.exec(name, ['false'])]);
      expect([one.exitCode, two.exitCode]).to.deep.equal([0, 1]);
      let ended = false;
      const code = await runtime
        .exec(name, ['sh', '-c', 'exit 3'])
        .finally(() => (ended = true))
        .catch(() => undefined)
        .then((result) => result?.exitCode);
      expect([code, ended]).to.deep.equal([3, true]);
    });

    it('passes words on byte for byte', async () => {
      const bytes = Buffer.from([0xff, 0x0a, 0x27, 0x0a]);
      const result = await runtime.exec(name, ['printf', '%s', bytes, '']);
      expect([result.stdoutEncoding, Buffer.from(result.stdout, result.stdoutEncoding)]).to.deep.equal([
        'base64',
        bytes,
      ]);
    });

    it('captures no more than it may', async () => {
      const result = await runtime.exec(name, ['sh', '-c', 'head -c 5000 /dev/zero'], { maxOutputBytes: 1000 });
      expect([result.stdout.length, result.truncated, result.exitCode]).to.deep.equal([1000, true, 0]);
    });

    it('never rejects for what a container or a user causes', async () => {
      const cases: [string, readonly string[], object, string][] = [
        ['plx-there-is-no-such', ['true'], {}, 'ContainerNotFound'],
        ['no/name', ['true'], {}, 'UsageError'],
        ['', ['true'], {}, 'MissingContainerId'],
        [name, ['/no/such/command'], {}, 'CommandNotFound'],
        [name, ['/etc/passwd'], {}, 'CommandNotExecutable'],
        [name, ['true'], { user: 'nosuchuser' }, 'UserNotFound'],
        [name, ['true'], { workdir: '/no/such' }, 'WorkdirNotFound'],
        [name, ['true'], { methods: ['docker'] }, 'NoMethodAvailable'],
        [name, ['sleep', '100'], { timeoutMs: 200 }, 'ExecutionTimeout'],
      ];
      for (const [target, command, options, code] of cases) {
        // oxlint-disable-next-line no-await-in-loop
        const result = await runtime.exec(target, command, options);
        expect(schemaErrors(result)).to.deep.equal([]);
        expect(result.error?.code).to.equal(code);
        expect(result.exitCode).not.to.equal(0);
      }
    });

    it('keeps what was asked for, although the program changes it meanwhile', async () => {
      const command = ['echo', 'as asked'];
      const run = runtime.exec(name, command);
      command[1] = 'changed';
      expect((await run).stdout).to.equal('as asked\n');
    });
  });

  describe('with streams', () => {
    it('is written to and read from while it runs, its streams separate', async () => {
      const run = runtime.exec(
        name,
        ['sh', '-c', 'while read -r line; do echo "got $line"; echo "no $line" >&2; done'],
        {
          stdin: 'pipe',
          stdout: 'pipe',
          stderr: 'pipe',
        },
      );
      const errors = text(run.stderr);
      const lines = run.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
      for (const word of ['one', 'two']) {
        run.stdin.write(`${word}\n`);
        // oxlint-disable-next-line no-await-in-loop
        expect((await lines.next()).value).to.equal(`got ${word}\n`);
      }
      run.stdin.end();
      expect((await lines.next()).done).to.equal(true);
      const result = await run;
      expect([result.exitCode, result.stdout, result.stderr, await errors]).to.deep.equal([
        0,
        '',
        '',
        'no one\nno two\n',
      ]);
    });

    it('lets its program use a buffer again as soon as the callback of its write says so', async () => {
      const run = runtime.exec(name, ['sha256sum'], { stdin: 'pipe' });
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(65_536);
      for (let count = 0; count < 200; count++) {
        buffer.fill(count);
        hash.update(buffer);
        // oxlint-disable-next-line no-await-in-loop -- that is what is tested
        await new Promise((resolve) => void run.stdin.write(buffer, resolve));
      }
      run.stdin.end();
      expect((await run).stdout).to.contain(hash.digest('hex'));
    });

    it('reads input of any kind', async () => {
      const big = Buffer.alloc(3 * MIB, 'é');
      for (const input of ['', 'text é', new Uint8Array([0, 255]), big, Readable.from([big, 'end'])]) {
        const wanted = input instanceof Readable ? Buffer.concat([big, Buffer.from('end')]) : Buffer.from(input);
        // oxlint-disable-next-line no-await-in-loop
        const { stdout, stdoutEncoding, exitCode } = await runtime.exec(name, ['cat'], { input });
        expect([exitCode, Buffer.from(stdout, stdoutEncoding).equals(wanted)]).to.deep.equal([0, true]);
      }
    });

    it('says when it started and when it ended, also while its output waits for a reader', async () => {
      const run = runtime.exec(name, ['sh', '-c', 'head -c 100000 /dev/zero'], { stdout: 'pipe' });
      run.stdout.pause();
      expect(await run.started).to.deep.equal({ container: { id: name, name, platform: 'lxc' }, method: 'lxc-attach' });
      await run.exited;
      let over = false;
      void run.then(() => (over = true));
      // Longer than a silent pipe is waited for.
      await new Promise((resolve) => setTimeout(resolve, 1200));
      expect(over).to.equal(false);
      expect((await text(run.stdout)).length).to.equal(100_000);
      expect((await run).outputIncomplete).to.equal(false);
    });

    it('does not hang when nobody reads', async () => {
      const run = runtime.exec(name, ['sh', '-c', 'head -c 110000 /dev/zero; echo err >&2'], {
        stdout: 'pipe',
        stderr: 'pipe',
      });
      const result = await run;
      expect([result.exitCode, result.outputIncomplete]).to.deep.equal([0, true]);
      expect(await text(run.stderr), 'what was kept').to.equal('err\n');
    });

    it('ends a command that waits for a reader in vain when its time is over', async () => {
      const result = await withLimit(
        500,
        async (timeoutMs) => runtime.exec(name, ['sh', '-c', 'cat /dev/zero'], { stdout: 'pipe', timeoutMs }),
        ({ started }) => started,
      );
      expect([result.exitCode, result.timedOut, result.treeKill]).to.deep.equal([124, true, true]);
    });

    it('gives SIGPIPE to a command whose reader leaves', async () => {
      const run = runtime.exec(name, ['yes'], { stdout: 'pipe' });
      for await (const chunk of run.stdout) {
        expect((chunk as Buffer).toString()).to.match(/^y\n/);
        break;
      }
      expect((await run).exitCode).to.equal(141);
    });

    it('ends its streams and tells of no start when nothing started', async () => {
      const run = runtime.exec('plx-there-is-no-such', ['true'], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
      expect(await run.started).to.equal(null);
      await run.exited;
      expect(await text(run.stdout)).to.equal('');
      expect(await text(run.stderr)).to.equal('');
      expect(run.stdin.destroyed).to.equal(true);
      const input = new PassThrough();
      expect((await runtime.exec('plx-there-is-no-such', ['true'], { input })).exitCode).to.equal(125);
      expect(input.destroyed).to.equal(true);
    });

    it('does without the rest of its input when the command ends, or closes it', async () => {
      for (const script of ['read -r line', 'read -r line; exec <&-; sleep 0.3']) {
        const run = runtime.exec(name, ['sh', '-c', script], { stdin: 'pipe' });
        let tries = 0;
        const writing = setInterval(() => run.stdin.destroyed || run.stdin.write(`${tries++}\n`), 5);
        // oxlint-disable-next-line no-await-in-loop
        const result = await run;
        clearInterval(writing);
        expect([result.exitCode, result.canceled, run.stdin.destroyed]).to.deep.equal([0, false, true]);
        // Nobody listens: an error event would end the tests.
        run.stdin.write('late');
      }
    });

    it('is canceled when its input fails', async () => {
      const input = new PassThrough();
      const run = runtime.exec(name, ['sh', '-c', 'cat >/dev/null; echo took it for whole'], { input });
      await run.started;
      input.write('half');
      input.destroy(new Error('disk gone'));
      const result = await run;
      expect([result.canceled, result.exitCode, result.stdout]).to.deep.equal([true, 143, '']);
      const piped = runtime.exec(name, ['sh', '-c', 'cat >/dev/null; echo took it for whole'], { stdin: 'pipe' });
      await piped.started;
      piped.stdin.destroy();
      expect([(await piped).canceled, (await piped).stdout]).to.deep.equal([true, '']);
    });

    it('leaves a daemon alone that keeps its output, and ends the stream', async () => {
      const run = runtime.exec(name, ['sh', '-c', 'echo said; sleep 4321 & exit 5'], { stdout: 'pipe' });
      expect(await text(run.stdout)).to.equal('said\n');
      const result = await run;
      expect([result.exitCode, result.outputIncomplete]).to.deep.equal([5, true]);
      for (const { pid } of await processesMatching(container, '4321')) process.kill(pid, 'SIGKILL');
    });
  });

  describe('with a terminal', () => {
    /** Types a line and waits for what the terminal then shows. */
    function driver(run: ExecSession<'pipe', 'pipe'>) {
      let shown = '';
      run.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
      return {
        type: (line: string) => void run.stdin.write(`${line}\n`),
        sees: (wanted: string) =>
          waitFor(() => shown.includes(wanted), { what: `${wanted} in ${JSON.stringify(shown)}` }),
      };
    }

    it("is driven like a person would: what is typed shows, sizes change, the exit code is the shell's", async () => {
      const run = runtime.exec(name, ['bash', '--norc', '-i'], {
        terminal: { columns: 101, rows: 33, type: 'xterm-256color' },
        stdin: 'pipe',
        stdout: 'pipe',
        env: { PS1: 'ready> ' },
      });
      const { type, sees } = driver(run);
      await sees('ready> ');
      type('echo "$TERM" $(stty size); test -t 2 && echo all');
      // The echo of what was typed, then what it prints.
      await sees('echo "$TERM" $(stty size)');
      await sees('xterm-256color 33 101\r\nall\r\n');
      run.resize(90, 20);
      type('stty size');
      await sees('20 90\r\n');
      expect(() => run.resize(0, 20)).to.throw("the terminal's columns are 0");
      type('exit 7');
      const result = await run;
      expect([result.exitCode, result.error, run.stderr]).to.deep.equal([7, null, null]);
    });

    it('passes Ctrl-C on to what runs in it, and the shell goes on', async () => {
      const run = runtime.exec(name, ['bash', '--norc', '-i'], { terminal: {}, stdin: 'pipe', stdout: 'pipe' });
      const { type, sees } = driver(run);
      type('sleep 3210');
      await sleeps('3210');
      run.stdin.write('\u0003');
      type('echo after$((40+2))');
      await sees('after42');
      run.stdin.end();
      expect((await run).exitCode).to.equal(0);
    });

    it('opens the login shell without a command', async () => {
      const run = runtime.exec(name, [], {
        terminal: {},
        input: 'shopt -q login_shell && echo login$((40+2)); exit 4\n',
      });
      const result = await run;
      expect(result.exitCode).to.equal(4);
      expect(result.stdout).to.include('login42');
    });
  });

  describe('that is canceled', () => {
    const stubborn = ['sh', '-c', "trap '' TERM; sleep 2345 & sleep 2345"];

    it('by a signal of the program is ended with its tree', async () => {
      const controller = new AbortController();
      const run = runtime.exec(name, ['sh', '-c', 'sleep 1234 & sleep 1234'], { signal: controller.signal });
      await sleeps('1234');
      controller.abort();
      const result = await run;
      expect(schemaErrors(result)).to.deep.equal([]);
      expect(result).to.deep.include({ canceled: true, exitCode: 143, treeKill: true, timedOut: false, error: null });
      expect(await processesMatching(container, '1234')).to.deep.equal([]);
      expect(getEventListeners(controller.signal, 'abort')).to.deep.equal([]);
    });

    it('is killed after a while when it does not end', async () => {
      const controller = new AbortController();
      const run = runtime.exec(name, stubborn, { signal: controller.signal, killAfterMs: 300 });
      await sleeps('2345');
      controller.abort();
      const result = await run;
      expect([result.canceled, result.exitCode, result.treeKill]).to.deep.equal([true, 137, true]);
      expect(await processesMatching(container, '2345')).to.deep.equal([]);
    });

    it('starts nothing when that was so before', async () => {
      const run = runtime.exec(name, ['touch', '/tmp/started'], { signal: AbortSignal.abort() });
      const result = await run;
      expect([result.canceled, result.started, result.exitCode]).to.deep.equal([true, false, 143]);
      expect((await container.attach(['test', '-e', '/tmp/started'])).exitCode).to.equal(1);
    });

    it('by kill() as a terminal would, with the signal that is named', async () => {
      for (const [signal, exitCode] of [
        [undefined, 143],
        ['SIGINT', 130],
        ['SIGHUP', 129],
        ['SIGKILL', 137],
      ] as const) {
        const run = runtime.exec(name, ['sleep', '3456']);
        // oxlint-disable-next-line no-await-in-loop
        await sleeps('3456');
        run.kill(signal);
        // oxlint-disable-next-line no-await-in-loop
        const result = await run;
        expect([result.canceled, result.exitCode], signal).to.deep.equal([true, exitCode]);
        run.kill('SIGTERM');
      }
    });

    it('is not what USR1 does, which is only passed on', async () => {
      const script = 'trap "echo usr1; exit 9" USR1; echo ready; while :; do sleep 0.05; done';
      const run = runtime.exec(name, ['sh', '-c', script], { stdout: 'pipe' });
      const lines = run.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
      expect((await lines.next()).value).to.equal('ready\n');
      run.kill('SIGUSR1');
      expect((await lines.next()).value).to.equal('usr1\n');
      const result: ExecResult = await run;
      expect([result.canceled, result.exitCode]).to.deep.equal([false, 9]);
      expect(() => run.kill('SIGSTOP' as 'SIGTERM')).to.throw('"SIGSTOP" cannot be passed on');
    });

    it('at once by SIGKILL, before it started too', async () => {
      const run = runtime.exec(name, ['sleep', '4567']);
      run.kill('SIGKILL');
      const result = await run;
      expect([result.canceled, result.exitCode, result.started]).to.deep.equal([true, 137, false]);
    });
  });

  it('runs beside many others under one signal', async () => {
    const controller = new AbortController();
    const runs20 = Array.from({ length: 20 }, (_, index) =>
      runtime.exec(name, ['sh', '-c', `echo ${index}`], { signal: controller.signal }),
    );
    const outputs = (await Promise.all(runs20)).map(({ stdout }) => stdout);
    expect(outputs).to.deep.equal(runs20.map((_, index) => `${index}\n`));
    expect(getEventListeners(controller.signal, 'abort')).to.deep.equal([]);
  });
});
