import { randomBytes } from 'node:crypto';

import { LxcriError } from '../../model/errors.ts';
import type { RawTerminal } from '../../model/raw-terminal.ts';
import { bootstrap } from '../bootstrap.ts';
import { Connection, NoAnswerError } from '../connection.ts';
import type { ConnectionOptions } from '../connection.ts';
import { terminalChannel } from './channel.ts';
import { Screen, plainLines } from './screen.ts';

/** How long a login may take: its own name lookups, the files that it reads. */
const LOGIN_TIMEOUT_MS = 30_000;

/** How long our program may take to answer in a shell that is ready. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A login that says nothing for so long may be ready all the same. */
const QUIET_MS = 500;

/**
 * How long we wait for the answer of a shell before it is asked again: at first, and at most. What was lost is typed again
 * soon; what was only not read yet is answered as often as it was typed, and each answer takes the time of a prompt.
 */
const ASK_AGAIN_MS = { first: 100, most: 1000 } as const;

/** Before all that we type: no history of the shell is to have it, in memory (as with HISTCONTROL=ignorespace) or on disk. */
const HIDING = ' unset HISTFILE;';

/** How long a line must stand for the question that it looks like. */
const STANDS_MS = 300;

/** The question of login(1), and of what asks for passwords; not its "Last login:". */
const LOGIN_PROMPT = /(?:^|\s)(?<!Last )(?:login|password): ?$/i;

/** How to connect. */
export interface ShellOptions extends ConnectionOptions {
  /** See {@link bootstrap}. */
  readonly silenceSeconds?: number;
  /** For a login that takes longer than any should. */
  readonly loginTimeoutMs?: number;
}

/**
 * Connects to our program in a shell on a node. It takes the place of the shell, so that nothing is left when it ends.
 *
 * @param node for messages.
 * @param terminal in which a new shell starts, that is ours alone. It is closed when this fails.
 * @throws LxcriError PlatformUnreachable, AuthenticationFailed or NoMethodAvailable, or the signal's reason.
 */
export async function connectOverShell(
  node: string,
  terminal: RawTerminal,
  options: ShellOptions = {},
): Promise<Connection> {
  const typist = new Typist(node, terminal, options.signal);
  try {
    terminal.hold(true);
    await typist.waitForShell(options.loginTimeoutMs ?? LOGIN_TIMEOUT_MS);
    const [ready, seal] = [word(), word()];
    const { command, nonce, program } = bootstrap(options.silenceSeconds, { ready, seal });
    await typist.startProgram(command, ready);
    typist.leave();
    const channel = terminalChannel(terminal, seal);
    channel.input.write(program);
    return await Connection.open(channel, nonce, ANSWER_TIMEOUT_MS, options);
  } catch (error) {
    terminal.close();
    if (error instanceof NoAnswerError) throw typist.failure('its program did not start');
    throw error;
  } finally {
    typist.leave();
  }
}

/** Letters and digits that nobody else says. */
function word(): string {
  return `lxcri${randomBytes(8).toString('hex')}`;
}

/** Types in a shell, and reads what it answers. */
class Typist {
  readonly #node: string;
  readonly #terminal: RawTerminal;
  readonly #screen: Screen;
  readonly #signal: AbortSignal | undefined;
  readonly #stop: Promise<unknown>;
  #end: string | undefined;

  constructor(node: string, terminal: RawTerminal, signal: AbortSignal | undefined) {
    this.#node = node;
    this.#terminal = terminal;
    this.#signal = signal;
    this.#screen = new Screen(terminal.output);
    terminal.input.on('error', () => {});
    const ended = terminal.ended.then(({ said }) => (this.#end = said));
    const aborted = new Promise<void>((resolve) => {
      if (signal?.aborted === true) resolve();
      else signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#stop = Promise.race([ended, aborted]);
  }

  leave(): void {
    this.#screen.leave();
  }

  /**
   * Asks until the shell has answered the last question. What is typed before it reads may be lost, and may also be read
   * later: so each question may be answered, at any time, and nothing happens when it is answered twice.
   */
  async waitForShell(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    // A login that asks for a name has asked by then, and nothing is typed into it.
    await this.#see((text) => plainLines(text).some((line) => line.trim() !== ''), QUIET_MS);
    let wait: number = ASK_AGAIN_MS.first;
    let heard = false;
    while (Date.now() < deadline) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what it is about
      await this.#refuseLogin();
      const answer = word();
      this.#type(`${HIDING}echo ${answer.slice(0, 9)}''${answer.slice(9)}`);
      // oxlint-disable-next-line no-await-in-loop
      if (await this.#see((text) => text.includes(answer), wait)) return;
      // Once it reads, however slowly, what comes next is not lost: it gets ever more time, else its answers stay behind.
      heard ||= this.#hasAnswered();
      wait = heard ? Math.max(wait, ASK_AGAIN_MS.most) * 2 : Math.min(wait * 1.5, ASK_AGAIN_MS.most);
    }
    throw this.failure(`no shell answered within ${timeoutMs / 1000} s`);
  }

  /** Our program instead of the shell; the terminal passes on every byte as it is from there on. */
  async startProgram(command: string, ready: string): Promise<void> {
    const failed = word();
    const after = `echo ${failed.slice(0, 9)}''${failed.slice(9)};exit 127`;
    this.#type(`${HIDING}stty raw -echo;exec ${command};${after}`);
    const hasFailed = (text: string): boolean => text.includes(failed);
    const answered = await this.#see((text) => text.includes(`\n${ready}\n`) || hasFailed(text), ANSWER_TIMEOUT_MS);
    if (hasFailed(this.#screen.text))
      throw new LxcriError('NoMethodAvailable', `node ${this.#node} has no perl`, 'install perl-base there');
    if (!answered) throw this.failure('its shell did not start our program');
  }

  /** What went wrong, with the last that was to be seen. */
  failure(what: string): LxcriError {
    // But for the echo of what we typed.
    const lines = plainLines(this.#screen.text).filter((line) => line.trim() !== '' && !line.includes(HIDING.trim()));
    const last = lines.at(-1) ?? '';
    const seen = last === '' ? '' : `; it showed ${JSON.stringify(last.slice(-100))}`;
    // A shell that ends and a connection that is lost look the same from here.
    if (this.#end !== undefined)
      return new LxcriError(
        'PlatformUnreachable',
        `the connection to the shell of node ${this.#node} was lost before it could be used (${this.#end === '' ? 'the terminal was closed' : this.#end})${seen}`,
        "try it again; if it always ends, look at it in the web interface: the node's Shell",
      );
    return new LxcriError(
      'PlatformUnreachable',
      `node ${this.#node} gave a shell over the API that cannot be used: ${what}${seen}`,
      "try it in the web interface: the node's Shell; its login files must not wait for input",
    );
  }

  #hasAnswered(): boolean {
    return /lxcri[0-9a-f]{16}/.test(this.#screen.text);
  }

  #type(line: string): void {
    this.#terminal.input.write(`${line}\r`);
  }

  async #see(condition: (text: string) => boolean, milliseconds: number): Promise<boolean> {
    const seen = await this.#screen.until(condition, milliseconds, this.#stop);
    this.#signal?.throwIfAborted();
    if (!seen && this.#end !== undefined) throw this.failure('it ended');
    return seen;
  }

  async #refuseLogin(): Promise<void> {
    const asks = (text: string): boolean => LOGIN_PROMPT.test(plainLines(text).at(-1) ?? '');
    while (asks(this.#screen.text)) {
      const { text } = this.#screen;
      // oxlint-disable-next-line no-await-in-loop -- waiting is what it is about
      if (await this.#see((now) => now !== text, STANDS_MS)) continue;
      throw new LxcriError(
        'AuthenticationFailed',
        `node ${this.#node} asks for a login instead of giving a root shell`,
        'that shell is given only to root@pam who logged in with the password: proxmox-lxcri login; a token never gets it',
      );
    }
  }
}
