import { createHash, randomBytes } from 'node:crypto';

import { setTimeout as sleep } from 'node:timers/promises';

import type { RawTerminal } from '../model/raw-terminal.ts';
import { DTACH_TAIL_BYTES, END_OF_DTACH } from './dtach.ts';
import { DisturbedError, FrameReader, digestOf } from './frame-reader.ts';
import type { HelperFrame } from './frame-reader.ts';
import { ENCODERS, HELPER_VARIABLE, NEEDED_TOOLS, PATH, helperProgram } from './helper.ts';
import { printfFormat } from './line-text.ts';
import type { Screen } from './screen.ts';
import { ShellCommand } from './shell-command.ts';
import type { ShellLaunch } from './shell-command.ts';

/** How long a shell at its prompt may take for a line. */
const ANSWER_MS = 20_000;

/** How often it is asked again: what was typed before a line editor was ready is dropped. */
const ASK_AGAIN_MS = 1000;

/** How often the helper is told that we are still there, in the time after which it ends. */
const PINGS = 6;

/** How long a helper that was let go may take to give the terminal back. */
const CLOSE_MS = 5000;

/** What the terminal says of its own end may come in pieces. */
const LAST_WORDS_MS = 300;

/** Thrown where the shell in a terminal is no place for the helper; nothing was started in it. */
export class UnusableShellError extends Error {
  override readonly name = 'UnusableShellError';
}

/** What the helper says of the place where it runs. */
export interface ShellPlace {
  readonly uid: number;
  /** By the numbering there: 0 for a shell whose parent is outside the container. */
  readonly parentOfShell: number;
  /** Whether the first process there was started by LXC. */
  readonly inLxc: boolean;
  /** The shell was not there before us, and goes with us. */
  readonly isOurs: boolean;
}

export interface ShellOptions {
  /** A shell that is no older than this, in ms, was started for us. */
  readonly youngMs: number;
  readonly commandTag: string;
  readonly abort?: AbortSignal | undefined;
  /** After how long without a word from us the helper ends what it runs, and itself. */
  readonly silenceSeconds: number;
}

/**
 * Commands, one after another, in a shell that was found at its prompt in a terminal, with streams of their own. The
 * shell waits meanwhile; afterwards it has its terminal back.
 */
export class ShellSession {
  readonly place: ShellPlace;
  readonly #terminal: RawTerminal;
  readonly #reader: FrameReader;
  readonly #key: string;
  readonly #encoding: 'base64' | 'hex';
  readonly #pings: NodeJS.Timeout;
  readonly #numbers = new Map<number, number>([[0, 0]]);
  /** The number of the command whose reader has the terminal. */
  #current = 0;
  #lastCommand = 0;
  #running: ShellCommand | undefined;
  #lost: string | undefined;
  #leaving = false;
  /** The last that came, once it was not what the helper says. */
  #lastWords: string | undefined;
  #left: () => void = () => {};
  #returned: (() => void) | undefined;
  #readerIsKnown = true;

  private constructor(
    terminal: RawTerminal,
    reader: FrameReader,
    key: string,
    encoding: 'base64' | 'hex',
    place: ShellPlace,
    silenceSeconds: number,
  ) {
    this.#terminal = terminal;
    this.#reader = reader;
    this.#key = key;
    this.#encoding = encoding;
    this.place = place;
    terminal.output.on('data', (chunk: Buffer) => this.#take(chunk));
    terminal.input.on('error', () => {});
    void terminal.ended.then(({ said }) => this.#end(this.#hasEnded() ? ENDED : said === '' ? 'it was closed' : said));
    this.#pings = setInterval(() => this.#ping(), (silenceSeconds * 1000) / PINGS);
    this.#pings.unref();
  }

  /**
   * Makes the helper of a shell that shows its prompt. The terminal is not closed when it cannot be done.
   *
   * @throws UnusableShellError
   */
  static async open(screen: Screen, terminal: RawTerminal, options: ShellOptions): Promise<ShellSession> {
    const { abort, silenceSeconds } = options;
    const encoder = await findTools(screen, abort);
    const [tag, key] = [randomBytes(4).toString('hex'), randomBytes(16).toString('hex')];
    const program = helperProgram({
      tag,
      key,
      encoder,
      silenceSeconds,
      youngTicks: Math.ceil(options.youngMs / 10),
      commandTag: options.commandTag,
    });
    const line = printfFormat(Buffer.from(program));
    const { expression, sum } = newSum();
    // A terminal further out (that of lxc-attach) still makes CR LF of LF.
    const mark = new RegExp(`${sum}ready\r*\n`);
    screen.clear();
    screen.type(` ${loader(tag, expression, line, silenceSeconds)}\r`);
    const ready = await screen.until(() => (mark.test(screen.text) ? true : undefined), ANSWER_MS, abort);
    if (ready === undefined) throw new UnusableShellError(screen.ended ?? 'its shell does not do as it is told');
    const rest = screen.handOver(mark);
    return new Promise((resolve, reject) => {
      const reader = new FrameReader(tag, key);
      const fail = (reason: string): void => {
        clearTimeout(timer);
        terminal.output.removeListener('data', take);
        reject(new UnusableShellError(reason));
      };
      const timer = setTimeout(() => fail('its shell did not begin'), ANSWER_MS);
      const take = (chunk: Buffer): void => {
        try {
          const [hello] = reader.read(chunk);
          if (hello === undefined) return;
          terminal.output.removeListener('data', take);
          clearTimeout(timer);
          const [uid, parent, lxc, ours] = hello.payload.split(' ').map(Number);
          const place = { uid: uid ?? -1, parentOfShell: parent ?? -1, inLxc: lxc === 1, isOurs: ours === 1 };
          resolve(
            new ShellSession(terminal, reader, key, encoder === 'base64' ? 'base64' : 'hex', place, silenceSeconds),
          );
        } catch (error) {
          fail((error as Error).message);
        }
      };
      terminal.output.on('data', take);
      void terminal.ended.then(({ said }) => fail(said));
      take(rest);
      screen.type(`${line}\n`);
    });
  }

  /** Why it is of no use any more; `undefined` while it is. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Starts a command; the one before must have been released. */
  run(launch: ShellLaunch): ShellCommand {
    this.#lastCommand += 1;
    const number = this.#lastCommand;
    const command = new ShellCommand(launch, this.#encoding, {
      evaluate: (code) => this.#send('E', Buffer.from(code)),
      data: (line) => this.#sendLine(`D${line}`),
      returned: () => this.#return(),
    });
    this.#running = command;
    this.#send('E', command.startCode(number));
    this.#current = number;
    this.#numbers.set(number, 0);
    if (this.#lost !== undefined) command.lost(this.#lost);
    return command;
  }

  /** Lets the shell have its terminal back, ends it if it is ours, and closes the terminal. */
  async close(): Promise<void> {
    clearInterval(this.#pings);
    if (this.#lost === undefined && this.#running !== undefined) await this.#endRunning(this.#running);
    if (this.#lost === undefined && this.#current === 0) {
      const left = new Promise<void>((resolve) => (this.#left = resolve));
      this.#send('E', Buffer.from('W=B n=0; say .; q=1'));
      this.#leaving = true;
      await Promise.race([left, this.#terminal.ended, sleep(CLOSE_MS, undefined, { ref: false })]);
    }
    this.#end('it was closed');
    this.#terminal.close();
  }

  /** A command that nobody waits for any more. */
  async #endRunning(command: ShellCommand): Promise<void> {
    const ended = command.killTree().then(() => command.release());
    await Promise.race([ended, sleep(CLOSE_MS, undefined, { ref: false })]);
  }

  #return(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#lost !== undefined) {
        resolve();
        return;
      }
      this.#returned = resolve;
      this.#send('E', Buffer.from('q=1'));
      // Until it says so, nobody can tell which of two readers gets the next line.
      this.#readerIsKnown = false;
    });
  }

  #ping(): void {
    if (this.#readerIsKnown) this.#send('E', Buffer.from('kill -9 "$w"; guard'));
  }

  #send(kind: 'E', code: Buffer): void {
    this.#sendLine(kind + printfFormat(code));
  }

  #sendLine(line: string): void {
    if (this.#lost !== undefined || this.#leaving || this.#lastWords !== undefined) return;
    const command = this.#current;
    const number = this.#numbers.get(command) ?? 0;
    this.#numbers.set(command, number + 1);
    this.#terminal.input.write(`${digestOf(this.#key, `${command} ${number} ${line}`)} ${line}\n`);
  }

  #take(chunk: Buffer): void {
    if (this.#lost !== undefined) return;
    if (this.#lastWords !== undefined) return this.#hear(chunk);
    try {
      for (const frame of this.#reader.read(chunk)) this.#dispatch(frame);
    } catch (error) {
      if (!(error instanceof DisturbedError)) throw error;
      // What comes after the helper's last word is the shell's again.
      if (this.#leaving) this.#left();
      else this.#disturbed(error.message, chunk);
    }
  }

  /** To an empty line the helper ends what it runs, and gives the terminal back. */
  #disturbed(reason: string, chunk: Buffer): void {
    this.#terminal.input.write('\n');
    this.#lastWords = '';
    setTimeout(() => this.#end(`the terminal was disturbed: ${reason}`), LAST_WORDS_MS);
    this.#hear(chunk);
  }

  #hear(chunk: Buffer): void {
    const tail = chunk.subarray(-DTACH_TAIL_BYTES).toString('latin1');
    this.#lastWords = ((this.#lastWords ?? '') + tail).slice(-DTACH_TAIL_BYTES);
    if (this.#hasEnded()) this.#end(ENDED);
  }

  #hasEnded(): boolean {
    return END_OF_DTACH.test(this.#lastWords ?? '');
  }

  #dispatch(frame: HelperFrame): void {
    if (frame.writer === 'B') return;
    if (frame.writer === 'R') {
      this.#current = 0;
      this.#running = undefined;
      this.#readerIsKnown = true;
      this.#returned?.();
      this.#returned = undefined;
      return;
    }
    this.#running?.frame(frame);
  }

  #end(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    clearInterval(this.#pings);
    this.#running?.lost(reason);
    this.#running = undefined;
    this.#returned?.();
  }
}

const ENDED = 'the console has ended: its container or its shell was stopped';

/** A sum to be worked out there, so that the echo of the question is no answer to it. */
function newSum(): { expression: string; sum: string } {
  const [a, b] = [randomBytes(6).readUIntBE(0, 6), randomBytes(6).readUIntBE(0, 6)];
  return { expression: `$((${a}+${b}))`, sum: String(a + b) };
}

/**
 * Asks the shell for what the helper needs. It is asked again until the last question was answered, so that no
 * question is left for whoever reads next; each does nothing but answer.
 */
async function findTools(screen: Screen, abort: AbortSignal | undefined): Promise<(typeof ENCODERS)[number]> {
  const sums: string[] = [];
  let waitMs = ASK_AGAIN_MS;
  for (
    const end = Date.now() + ANSWER_MS;
    Date.now() < end && screen.ended === undefined && abort?.aborted !== true;
  ) {
    const { expression, sum } = newSum();
    sums.push(sum);
    screen.type(` echo q${expression}q\r`);
    // oxlint-disable-next-line no-await-in-loop -- one question after another
    const answered = await screen.until(() => (screen.text.includes(`q${sum}q`) ? true : undefined), waitMs, abort);
    if (answered === undefined) {
      // Once it reads, however slowly, no question is lost: it gets ever more time, else its answers stay behind.
      if (sums.some((earlier) => screen.text.includes(`q${earlier}q`))) waitMs *= 2;
      continue;
    }
    const { expression: begin, sum: mark } = newSum();
    const tools = [...NEEDED_TOOLS, ...ENCODERS].join(' ');
    screen.type(
      ` for i in ${tools};do PATH=${PATH} command -v $i >/dev/null||echo ${begin}no $i;done;echo ${begin}end\r`,
    );
    // oxlint-disable-next-line no-await-in-loop -- as above
    const told = await screen.until(() => (screen.text.includes(`${mark}end`) ? true : undefined), ANSWER_MS, abort);
    if (told === undefined) break;
    const missing = [...screen.text.matchAll(new RegExp(`${mark}no (\\w+)`, 'g'))].map(([, name]) => name ?? '');
    const encoder = ENCODERS.find((name) => !missing.includes(name));
    const needed = missing.filter((name) => !ENCODERS.includes(name as 'od'));
    if (encoder === undefined) needed.push('base64 or od');
    if (encoder === undefined || needed.length > 0)
      throw new UnusableShellError(`the container lacks ${needed.join(', ')}`);
    return encoder;
  }
  throw new UnusableShellError(screen.ended ?? 'its shell does not answer');
}

/** For a shell at its prompt: reads the program by its digest, and gives the terminal back whatever happens. */
function loader(tag: string, expression: string, line: string, silenceSeconds: number): string {
  const digest = createHash('sha256').update(line).digest('hex');
  const script = [
    'exec 9<&0 2>/dev/null',
    'o=$(stty -g)',
    'stty raw -echo',
    `(n=0;while [ $n -lt ${silenceSeconds} ];do sleep 1;n=$((n+1));done;stty $o <&9;kill -9 $$)& echo ${expression}ready`,
    'IFS= read -r l',
    'kill -9 $!',
    'x=$(printf %s "$l"|sha256sum)',
    `[ "\${x%% *}" = ${digest} ]&&eval "$(printf "$l")"`,
    'stty $o',
  ].join(';');
  return `env -i ${HELPER_VARIABLE}=${tag} PATH=${PATH} container=lxc sh -c '${script}'`;
}
