/** Commands in shells of local terminals: busybox ash, dash and bash; and what happens when the way there is not clean. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { whatIsShown } from '../../src/framed/prompt.ts';
import { Screen } from '../../src/framed/screen.ts';
import { ShellSession } from '../../src/framed/shell-session.ts';
import type { ShellEnd } from '../../src/framed/shell-command.ts';
import type { Word } from '../../src/model/request.ts';
import { runSync } from '../support/run.ts';
import { waitFor } from '../support/lxc.ts';
import { processInfo } from '../support/proc.ts';
import { localTerminal } from './local-terminal.ts';
import type { LocalTerminal, Passage } from './local-terminal.ts';
import { disturbing } from './disturbing.ts';

/** The helper is of the shell that is `sh` there, so that one is made it, for the terminal alone. */
function shellAs(sh: string, words: string): string[] {
  return ['unshare', '-m', 'sh', '-c', `mount --bind ${sh} "$(readlink -f /bin/sh)" && exec ${words}`];
}

const SHELLS = {
  'busybox ash': shellAs('/usr/bin/busybox', 'busybox sh -i'),
  dash: ['dash', '-i'],
  bash: shellAs('/usr/bin/bash', 'bash --norc -i'),
} as const;

/** By hand: a few hundred. */
const FUZZ_RUNS = Number(process.env['FUZZ_RUNS'] ?? 10);

/** So many at a time. */
const FUZZ_LANES = 4;
const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? randomBytes(3).readUIntBE(0, 3));

const TAG = 'PROXMOX_LXCRI_EXEC_ID';

interface Outcome {
  readonly end: ShellEnd;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

async function run(session: ShellSession, words: readonly Word[], stdin?: Buffer): Promise<Outcome> {
  const command = session.run({
    ...tagged(),
    words,
    stdin: stdin !== undefined,
    stdout: true,
    stderr: true,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  command.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  command.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  command.stdin?.on('error', () => {});
  command.stdin?.end(stdin);
  const end = await command.ended;
  await command.release();
  return { end, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}

function tagged(): { execId: string; environment: Record<string, string> } {
  const execId = randomUUID();
  return { execId, environment: { [TAG]: execId } };
}

/** Of a sleep that nobody else has. */
function newSleep(): string {
  return String(1_000_000_000 + randomBytes(3).readUIntBE(0, 3));
}

function sleepsOf(id: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => processInfo(pid)?.args === `/bin/sleep ${id}`);
}

for (const [name, argv] of Object.entries(SHELLS)) {
  describe(`a session in ${name}`, () => {
    const terminals: LocalTerminal[] = [];

    afterEach(async () => {
      for (const terminal of terminals.splice(0)) {
        terminal.close();
        await terminal.ended;
      }
    });

    async function open(passage?: Passage, silenceSeconds = 30): Promise<ShellSession> {
      const terminal = localTerminal(argv, passage);
      terminals.push(terminal);
      const screen = new Screen(terminal);
      const shown = (): true | undefined => (whatIsShown(screen.lastLine, screen.text) === 'prompt' ? true : undefined);
      await screen.until(shown, 20_000);
      return ShellSession.open(screen, terminal, {
        youngMs: 60_000,
        commandTag: TAG,
        silenceSeconds,
      });
    }

    it('runs one command after another, exactly', async () => {
      const session = await open();
      const all = Buffer.from(Array.from({ length: 255 }, (_, byte) => byte + 1));
      const input = randomBytes(30_000);
      const first = await run(session, ['sh', '-c', 'printf %s "$1"; cat >&2; exit 42', 'sh', all], input);
      expect(first.end).to.deep.equal({ code: 42 });
      expect([first.stdout.equals(all), first.stderr.equals(input)]).to.deep.equal([true, true]);
      for (const code of [0, 1, 127, 255])
        expect((await run(session, ['sh', '-c', `exit ${code}`])).end).to.deep.equal({ code });
      await session.close();
    });

    it('says that the console has ended, not that somebody wrote to it, when dtach says so', async () => {
      const terminal = localTerminal(argv);
      terminals.push(terminal);
      const output = new PassThrough();
      terminal.output.pipe(output);
      const screen = new Screen({ ...terminal, output });
      await screen.until(() => (whatIsShown(screen.lastLine, screen.text) === 'prompt' ? true : undefined), 20_000);
      const options = { youngMs: 60_000, commandTag: TAG, silenceSeconds: 30 };
      const session = await ShellSession.open(screen, { ...terminal, output }, options);
      // It is only said to have ended: nobody but us ends it.
      const sleeper = `sleep 123452.${process.pid}`;
      const command = session.run({
        ...tagged(),
        words: ['sh', '-c', `echo on; exec ${sleeper}`],
        stdin: false,
        stdout: true,
        stderr: true,
      });
      await new Promise((resolve) => command.stdout?.once('data', resolve));
      terminal.output.unpipe(output);
      terminal.output.resume();
      for (const piece of ['\u001B[999H\r\n[EOF - dtach', ' terminating]\r\n', '\u001B[?25h']) output.write(piece);
      expect(await command.ended)
        .to.have.property('lost')
        .that.matches(/^the console has ended/);
      await session.close();
      runSync(['pkill', '-f', `^${sleeper}$`]);
    });

    it('waits for a shell that always answers late', async () => {
      let lateMs = 0;
      const later: Buffer[] = [];
      const terminal = localTerminal(argv);
      terminals.push(terminal);
      const output = new PassThrough();
      terminal.output.on('data', (chunk: Buffer) => {
        later.push(chunk);
        setTimeout(() => output.write(later.shift()), lateMs);
      });
      const screen = new Screen({ ...terminal, output });
      await screen.until(() => (whatIsShown(screen.lastLine, screen.text) === 'prompt' ? true : undefined), 20_000);
      lateMs = 1300;
      const session = await ShellSession.open(
        screen,
        { ...terminal, output },
        {
          youngMs: 60_000,
          commandTag: TAG,
          silenceSeconds: 30,
        },
      );
      lateMs = 0;
      expect((await run(session, ['sh', '-c', 'exit 5'])).end).to.deep.equal({ code: 5 });
      await session.close();
    });

    it('starts a command that a signal from the keyboard ends, or leads to its trap', async () => {
      const session = await open();
      const { stdout } = await run(session, ['grep', 'SigIgn', '/proc/self/status']);
      expect(String(stdout)).to.match(/^SigIgn:\s0+\n$/);
      const signalled = async (signal: NodeJS.Signals, script: string): Promise<ShellEnd> => {
        const command = session.run({
          ...tagged(),
          words: ['sh', '-c', script],
          stdin: false,
          stdout: true,
          stderr: true,
        });
        await new Promise((resolve) => command.stdout?.once('data', resolve));
        command.signal('group', signal);
        const end = await command.ended;
        await command.release();
        return end;
      };
      expect(await signalled('SIGINT', 'echo on; exec sleep 123450')).to.deep.equal({ code: 130 });
      expect(await signalled('SIGQUIT', 'ulimit -c 0; echo on; exec sleep 123450')).to.deep.equal({ code: 131 });
      expect(await signalled('SIGINT', 'trap "exit 44" INT; echo on; sleep 123450')).to.deep.equal({ code: 44 });
      await session.close();
    });

    it('does not wait for a command that has closed its input', async () => {
      const session = await open();
      const command = session.run({
        ...tagged(),
        words: ['sh', '-c', 'exec <&-; echo on; exec sleep 123451'],
        stdin: true,
        stdout: true,
        stderr: true,
      });
      command.stdin?.on('error', () => {});
      await new Promise((resolve) => command.stdout?.once('data', resolve));
      const gone = new Promise((resolve) => command.stdin?.once('close', resolve));
      const taken = new Promise((resolve) => command.stdin?.write(Buffer.alloc(400_000), resolve));
      await Promise.race([gone, taken]);
      expect(await command.killTree()).to.equal(true);
      await command.release();
      await session.close();
    });

    it('ends a child that keeps the output when it is let go, and not before', async () => {
      const id = newSleep();
      const session = await open();
      const { end, stdout } = await run(session, ['sh', '-c', `echo on; /bin/sleep ${id} & exit 7`]);
      expect([end, String(stdout)]).to.deep.equal([{ code: 7 }, 'on\n']);
      const left = sleepsOf(id);
      expect(left).to.have.lengthOf(1);
      for (const pid of left) process.kill(pid);
      await session.close();
    });

    it('streams, and makes a writer wait whose output nobody reads', async () => {
      const session = await open();
      const command = session.run({
        ...tagged(),
        words: ['sh', '-c', 'echo now; read line; echo "got $line" >&2; exec yes'],
        stdin: true,
        stdout: true,
        stderr: true,
      });
      const first = await new Promise((resolve) => command.stdout?.once('data', resolve));
      command.stdout?.pause();
      expect(String(first)).to.equal('now\n');
      command.stdin?.write('it\n');
      const second = await new Promise((resolve) => command.stderr?.once('data', resolve));
      expect(String(second)).to.equal('got it\n');
      await waitFor(() => (command.stdout?.readableLength ?? 0) > 256 * 1024, {
        what: 'a full buffer',
        timeoutMs: 40_000,
      });
      expect(await command.killTree()).to.equal(true);
      command.stdout?.resume();
      expect(await command.ended).to.deep.equal({ code: 137 });
      expect(command.stdout?.readableLength).to.be.lessThan(4 * 1024 * 1024);
      await command.release();
      await session.close();
    });

    it('ends everything when it hears nothing any more, and tells no exit code', async () => {
      const id = newSleep();
      let silent = false;
      const session = await open({ toTerminal: (chunk) => (silent ? [] : [chunk]) }, 2);
      const command = session.run({
        ...tagged(),
        words: ['sh', '-c', `echo on; exec /bin/sleep ${id}`],
        stdin: false,
        stdout: true,
        stderr: true,
      });
      await new Promise((resolve) => command.stdout?.once('data', resolve));
      silent = true;
      expect(await command.ended).to.have.property('lost');
      await waitFor(async () => sleepsOf(id).length === 0, {
        what: 'the command to be ended',
        timeoutMs: 40_000,
      });
    });

    it(`is right or an error, whatever comes between (seed ${FUZZ_SEED})`, async function () {
      this.timeout(FUZZ_RUNS * 60_000);
      const outcomes = { right: 0, error: 0 };
      let next = FUZZ_SEED;
      const once = async (seed: number): Promise<void> => {
        const passage = disturbing(seed);
        const code = seed % 256;
        const input = randomBytes(5000);
        let outcome: Outcome | undefined;
        let session: ShellSession | undefined;
        try {
          session = await open(passage);
          passage.begin();
          outcome = await run(session, ['sh', '-c', `cat; echo ${seed} >&2; exit ${code}`], input);
        } catch (error) {
          expect((error as Error).name, `seed ${seed}`).to.equal('UnusableShellError');
        }
        await session?.close();
        if (outcome === undefined || 'lost' in outcome.end) {
          outcomes.error += 1;
          expect(passage.hasDisturbed, `seed ${seed}: an error without a reason`).to.equal(true);
          return;
        }
        outcomes.right += 1;
        expect(outcome.end, `seed ${seed}`).to.deep.equal({ code });
        expect(outcome.stdout.equals(input), `seed ${seed}: stdout`).to.equal(true);
        expect(String(outcome.stderr), `seed ${seed}: stderr`).to.equal(`${seed}\n`);
      };
      await Promise.all(
        Array.from({ length: FUZZ_LANES }, async () => {
          // oxlint-disable-next-line no-await-in-loop -- one after the other, on each lane
          while (next < FUZZ_SEED + FUZZ_RUNS) await once(next++);
        }),
      );
      expect(outcomes.right + outcomes.error).to.equal(FUZZ_RUNS);
      if (process.env['FUZZ_RUNS'] !== undefined) console.error(name, outcomes);
    });
  });
}
