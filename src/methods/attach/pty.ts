import { closeSync, writeSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';

import { LxcriError } from '../../model/errors.ts';
import type { TerminalSpec } from '../../model/request.ts';
import { inheritableDescriptors } from '../../process/descriptors.ts';
import { findExecutable } from '../../process/executable.ts';
import { makePipes } from '../../process/fifo.ts';
import { withTimerSlack } from '../../process/timer-slack.ts';
import { terminalInput } from '../../terminal/input.ts';
import { NewlineUndo } from './newline-undo.ts';
import type { LocalHelper } from './session.ts';

/** What to run behind a pseudo-terminal of our own. */
export interface PtyLaunch {
  readonly file: string;
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly terminal: TerminalSpec;
  /** Whether descriptor 3 is to be a channel to us. */
  readonly channel: boolean;
}

/** A program behind a pseudo-terminal. */
export interface PtyProcess {
  readonly helper: LocalHelper;
  readonly channel: Readable | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly resize: (columns: number, rows: number) => void;
}

/**
 * node-pty has no way to say which descriptors the program gets: a shell opens the channel by its path, and closes those
 * that this process inherited, which are not ours to close here. Debian's /bin/sh has only descriptors of one digit.
 *
 * @throws LxcriError `NoMethodAvailable` where no shell can close them.
 */
function launcher(): [file: string, script: string] {
  const inherited = inheritableDescriptors();
  const open = 'exec 3>"$0"; exec "$@"';
  if (inherited.length === 0) return ['/bin/sh', open];
  const bash = findExecutable('bash');
  if (bash === undefined) {
    throw new LxcriError(
      'NoMethodAvailable',
      `descriptors that this program inherited would reach the container (${inherited.join(', ')})`,
      'close them, start the program without them, or install bash, which can keep them from it',
    );
  }
  return [bash, `exec ${inherited.map((fd) => `${fd}<&-`).join(' ')}; ${open}`];
}

/** How long until a program that does not read is offered its input again. */
const OFFER_AGAIN_MS = 5;

/** What node-pty has on Unix beside what it lists. */
interface Unlisted {
  /** The controlling side of the terminal; it does not block. */
  readonly fd: number;
  on(event: 'close', listener: () => void): void;
}

/**
 * Runs a program behind a new pseudo-terminal, for a terminal that is wanted where we have none.
 *
 * @param execId the execution whose mark its processes are to carry.
 * @throws LxcriError `NoMethodAvailable` where node-pty is not installed.
 */
export async function spawnInPty(execId: string, launch: PtyLaunch): Promise<PtyProcess> {
  const nodePty = await loadNodePty();
  const [shell, script] = launcher();
  const pipe = launch.channel ? (await makePipes({ stdin: false, stdout: true, stderr: false })).stdout : undefined;
  const channelPath = pipe === undefined ? '/dev/null' : `/proc/${process.pid}/fd/${pipe.childFd}`;
  const { columns: cols, rows, type } = launch.terminal;
  const args = ['-c', script, channelPath, launch.file, ...launch.args];
  const options = { name: type, cols, rows, cwd: '/', env: launch.env, encoding: null };
  const pty = withTimerSlack(execId, () => nodePty.spawn(shell, args, options));
  const newlines = new NewlineUndo();
  const stdout = new Readable({ read: () => pty.resume(), destroy: (_error, done) => (pty.resume(), done(null)) });
  // With encoding null node-pty gives Buffers, whatever its types say.
  pty.onData((data: string | Buffer) => {
    const bytes = newlines.write(Buffer.from(data));
    if (!stdout.destroyed && bytes.length > 0 && !stdout.push(bytes)) pty.pause();
  });
  // The number of a descriptor that is closed may be that of another file. It is closed when the terminal is, which a
  // program can outlive.
  const state = { open: true, ended: false };
  const { fd } = pty as unknown as Unlisted;
  (pty as unknown as Unlisted).on('close', () => (state.open = false));
  const whileOpen = (action: () => void): void => void (state.open && action());
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      state.open = false;
      state.ended = true;
      stdout.push(newlines.end());
      stdout.push(null);
      resolve(signal ? { code: null, signal: signalName(signal) } : { code: exitCode, signal: null });
    });
  });
  const closeChannel = (): void => {
    if (pipe !== undefined) closeSync(pipe.childFd);
  };
  if (pipe !== undefined)
    void Promise.race([ended, new Promise((resolve) => pipe.stream.once('close', resolve))]).then(closeChannel);
  return {
    helper: { pid: pty.pid, ended, kill: (signal) => void (state.ended || pty.kill(signal)) },
    channel: pipe?.stream,
    stdin: terminalInput(inputOf(fd, () => state.open)),
    stdout,
    resize: (columns, lines) => whileOpen(() => pty.resize(columns, lines)),
  };
}

/**
 * The input of a terminal, written at once or not at all. node-pty's own `write` leaves it to a thread, for which the
 * descriptor can be another file's when it gets to it; and it takes any amount, and offers it again all the time.
 *
 * @param isOpen whether the descriptor still is the terminal's.
 */
function inputOf(fd: number, isOpen: () => boolean): Writable {
  const write = (bytes: Buffer, done: () => void): void => {
    let rest = bytes;
    while (rest.length > 0 && isOpen() && !input.destroyed) {
      const written = writeSome(fd, rest);
      rest = rest.subarray(written);
      if (written > 0) continue;
      setTimeout(write, OFFER_AGAIN_MS, rest, done);
      return;
    }
    done();
  };
  const input = new Writable({ write: (chunk: Buffer, _encoding, done) => write(chunk, done) });
  return input;
}

/** @returns how many bytes it took; none while the program does not read, all where there is nobody any more. */
function writeSome(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : bytes.length;
  }
}

/** Whether {@link spawnInPty} can do its work. */
export async function hasNodePty(): Promise<boolean> {
  return loadNodePty().then(
    () => true,
    () => false,
  );
}

async function loadNodePty(): Promise<typeof import('node-pty')> {
  try {
    return await import('node-pty');
  } catch {
    throw new LxcriError(
      'NoMethodAvailable',
      'a terminal where there is none needs the package node-pty, which is not installed',
      'leave out --tty, or install node-pty (it needs a C++ compiler)',
    );
  }
}

function signalName(number: number): NodeJS.Signals {
  const { constants } = process.getBuiltinModule('node:os');
  return (Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? 'SIGKILL') as NodeJS.Signals;
}
