import { Transform, Writable } from 'node:stream';

import { DTACH_TAIL_BYTES, END_OF_DTACH } from '../../framed/dtach.ts';
import { isLxcriError } from '../../model/errors.ts';
import type { RawTerminal } from '../../model/raw-terminal.ts';
import type { ApiAccess } from '../../model/remote.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';
import { keepOurTerminal } from '../attach/own-terminal.ts';
import { NotStartedError } from '../method.ts';
import { DetachKey } from './detach-key.ts';

/** After the end of its program, termproxy does not always end (typing exit does not close the terminal). */
const END_MS = 1000;

/**
 * Takes somebody at a terminal to the console of a guest, and types nothing there by itself. To leave it ends nothing
 * there: it is one terminal for all who look at it, which outlives each of them.
 *
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function visitConsole(api: ApiAccess, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  const notice = await noticeOf(api, abort);
  return new Visit(await api.openConsole(abort), request, notice);
}

/** What there is to know before. Who may not read the configuration is let in all the same. */
async function noticeOf(api: ApiAccess, abort: AbortSignal): Promise<string> {
  const { node, type, vmid } = api;
  let config: Record<string, unknown> | undefined;
  try {
    const path = `/nodes/${encodeURIComponent(node)}/${type}/${vmid}/config`;
    config = await api.call<Record<string, unknown>>('GET', path, undefined, abort);
  } catch (error) {
    if (!isLxcriError(error) || error.code !== 'PermissionDenied') throw error;
  }
  if (type === 'qemu') {
    if (config !== undefined && !hasSerialConsole(config))
      throw new NotStartedError(
        `the virtual machine has no serial console; qm set ${vmid} --serial0 socket gives it one, from its next start on`,
      );
    return "this is the virtual machine's serial console; log in there, and out again (Enter shows the prompt); Ctrl-a q leaves it";
  }
  const mode = config === undefined ? undefined : (config['cmode'] ?? 'tty');
  const what = mode === 'shell' ? "a shell on the container's console" : "the container's console";
  const login = mode === 'shell' || mode === 'console' ? '' : ' log in there, and out again;';
  return `this is ${what}, shared with everybody who looks at it;${login} Ctrl-a q leaves it`;
}

/** `qm terminal` takes the first serial port that is a socket (PVE/CLI/qm.pm). */
function hasSerialConsole(config: Record<string, unknown>): boolean {
  return ['serial0', 'serial1', 'serial2', 'serial3'].some((port) => config[port] === 'socket');
}

class Visit implements Session {
  /** What runs there is not ours to end. */
  readonly treeKill = false;
  readonly stdin: Writable;
  readonly stdout: Transform;
  readonly stderr = null;
  readonly exit: Promise<SessionExit>;
  readonly notice: string;
  readonly #terminal: RawTerminal;
  readonly #ours: ReturnType<typeof keepOurTerminal>;
  #finish: (exit: SessionExit) => void = () => {};
  #tail = '';
  #hasTyped = false;
  #endTimer: NodeJS.Timeout | undefined;

  constructor(terminal: RawTerminal, request: ExecRequest, notice: string) {
    this.#terminal = terminal;
    this.notice = notice;
    this.exit = new Promise((resolve) => (this.#finish = resolve));
    this.#ours = keepOurTerminal(request);
    terminal.hold(true);
    terminal.input.on('error', () => {});
    if (request.terminal !== undefined) this.resize(request.terminal.columns, request.terminal.rows);
    this.stdin = this.#keyboard();
    this.stdout = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#look(chunk);
        done(null, chunk);
      },
      // Whatever is shown next begins a line.
      flush: (done) => done(null, this.#tail.endsWith('\n') ? '' : '\r\n'),
    });
    terminal.output.on('error', () => {});
    terminal.output.on('close', () => this.stdout.end());
    terminal.output.pipe(this.stdout);
    void terminal.ended.then(({ said }) => {
      const lost: SessionExit = { kind: 'lost', reason: `the connection to the console was lost (${said})` };
      this.#leave(END_OF_DTACH.test(this.#tail) ? this.#ended() : lost);
    });
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  signal(signal: ForwardedSignal): void {
    const concernsOne = signal === 'SIGUSR1' || signal === 'SIGUSR2' || signal === 'SIGWINCH';
    if (!concernsOne) this.#leave({ kind: 'lost', reason: `it was left by ${signal}` });
  }

  kill(): Promise<boolean> {
    this.#leave({ kind: 'lost', reason: 'it was left' });
    return Promise.resolve(true);
  }

  async release(): Promise<void> {
    await this.#ours.dismiss();
    this.#ours.restore();
  }

  #keyboard(): Writable {
    const key = new DetachKey();
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        const { typed, detached } = key.read(chunk);
        this.#hasTyped ||= typed.length > 0;
        this.#terminal.input.write(typed, () => {
          if (detached) this.#leave(LEFT);
          done();
        });
      },
      final: (done) => {
        this.#leave({ kind: 'lost', reason: 'our terminal was closed' });
        done();
      },
    });
  }

  #look(shown: Buffer): void {
    this.#tail = (this.#tail + shown.subarray(-DTACH_TAIL_BYTES).toString('latin1')).slice(-DTACH_TAIL_BYTES);
    clearTimeout(this.#endTimer);
    if (END_OF_DTACH.test(this.#tail)) this.#endTimer = setTimeout(() => this.#leave(this.#ended()), END_MS);
  }

  /** Who has typed may have ended it; nobody tells how what runs there fares. */
  #ended(): SessionExit {
    return this.#hasTyped ? LEFT : { kind: 'lost', reason: 'the console has ended by itself, and says why' };
  }

  /** Only the first reason counts. */
  #leave(exit: SessionExit): void {
    clearTimeout(this.#endTimer);
    this.#finish(exit);
    this.#terminal.close();
    this.#terminal.hold(false);
  }
}

/** It was looked at, and that has ended well. */
const LEFT: SessionExit = { kind: 'exited', exitCode: 0, signal: null };
