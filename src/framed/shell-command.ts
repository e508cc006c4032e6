import type { Readable, Writable } from 'node:stream';

import type { Word } from '../model/request.ts';
import type { HelperFrame } from './frame-reader.ts';
import { printfFormat, quotedBytes } from './line-text.ts';
import { InputStream, OutputStream } from './streams.ts';

/** What to run. */
export interface ShellLaunch {
  /** Marks its processes; a UUID. */
  readonly execId: string;
  readonly words: readonly Word[];
  /** Set by the helper itself: nothing of it is ever on a command line. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether it has a standard input; else that is /dev/null. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** How it ended. */
export type ShellEnd = { readonly code: number } | { readonly lost: string };

/** The way to the helper. */
export interface Helper {
  evaluate(code: string): void;
  /** A line for the process that feeds the command. */
  data(line: string): void;
  /** Asks the command's reader to end, and resolves when it has. */
  returned(): Promise<void>;
}

const BASE64 = /^(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?$/;
const HEXADECIMAL = /^(?:[0-9a-f]{2})+$/;
const PID = /^\d{1,10}$/;

/** More than any script of ours says. */
const MAX_MESSAGES = 100;

/** How long nothing may come of an output, once the command has ended, before it is held by what outlived the command. */
const HELD_OUTPUT_MS = 1000;

/** A command that the helper runs. */
export class ShellCommand {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** What its script says on descriptor 3, a line each. */
  readonly messages: string[] = [];
  /**
   * Settles when it has ended, and all of its messages and output are there: a terminal that is lost before that leaves
   * more in doubt than the exit code. What outlived it may hold its output, and is not waited for.
   */
  readonly ended: Promise<ShellEnd>;
  /** Called for each message. */
  onMessage: (message: string) => void = () => {};
  readonly #launch: ShellLaunch;
  readonly #helper: Helper;
  readonly #encoding: 'base64' | 'hex';
  readonly #input: InputStream | undefined;
  readonly #outputs: Readonly<Record<'O' | 'E', OutputStream>>;
  /** The helper's processes, by what they are for, and the command itself (C). */
  readonly #pids = new Map<string, string>();
  readonly #later = new Map<string, string[]>();
  readonly #kills = new Map<string, (empty: boolean | undefined) => void>();
  readonly #settle: (end: ShellEnd) => void;
  #kill = 0;
  #code: number | undefined;
  #messagesEnded = false;
  #hasSettled = false;
  #patience: NodeJS.Timeout | undefined;
  #lost: string | undefined;
  #whenSilent: (() => void) | undefined;

  constructor(launch: ShellLaunch, encoding: 'base64' | 'hex', helper: Helper) {
    this.#launch = launch;
    this.#helper = helper;
    this.#encoding = encoding;
    let settle: (end: ShellEnd) => void = () => {};
    this.ended = new Promise((resolve) => (settle = resolve));
    this.#settle = (end) => {
      this.#hasSettled = true;
      clearTimeout(this.#patience);
      settle(end);
    };
    const output = (writer: string): OutputStream =>
      new OutputStream(
        (paused) => {
          this.#pause(writer, paused);
          this.#noteEnd();
        },
        () => {
          this.#close(writer);
          this.#noteEnd();
        },
      );
    this.#outputs = { O: output('O'), E: output('E') };
    this.#input = launch.stdin
      ? new InputStream(
          encoding === 'base64' ? 4 / 3 : 4,
          (chunk) => helper.data(`:${encoding === 'base64' ? chunk.toString('base64') : printfFormat(chunk)}`),
          () => {
            if (this.#code === undefined) helper.data('.');
          },
        )
      : undefined;
    this.stdin = this.#input ?? null;
    this.stdout = launch.stdout ? this.#outputs.O : null;
    this.stderr = launch.stderr ? this.#outputs.E : null;
    if (!launch.stdout) this.#outputs.O.resume();
    if (!launch.stderr) this.#outputs.E.resume();
  }

  /** What the helper is to evaluate, to run it under this number. */
  startCode(number: number): Buffer {
    const { execId, words, environment, stdin } = this.#launch;
    const variables = Object.entries(environment).map(([name, value]) =>
      Buffer.concat([Buffer.from(`export ${name}=`), quotedBytes(value), Buffer.from('; ')]),
    );
    return Buffer.concat([
      Buffer.from(`t=${execId} s=${stdin ? '1' : ''}; environment() { `),
      ...variables,
      Buffer.from(`:; }; run_and_return ${number}`),
      ...words.flatMap((word) => [Buffer.from(' '), quotedBytes(word)]),
      Buffer.from(';'),
    ]);
  }

  /** To the command alone, or to its process group. */
  signal(recipient: 'command' | 'group', signal: NodeJS.Signals): void {
    if (this.#code !== undefined) return;
    const name = signal.slice(3);
    this.#when('C', (pid) => (recipient === 'group' ? `p=${pid}; signal ${name}` : `kill -s ${name} ${pid}`));
  }

  /** Ends its whole tree; resolves to whether nothing is left, or `undefined` where that cannot be known. */
  killTree(): Promise<boolean | undefined> {
    if (this.#lost !== undefined) return Promise.resolve(undefined);
    this.#kill += 1;
    this.#noteEnd();
    const writer = `K${this.#kill}`;
    const result = new Promise<boolean | undefined>((resolve) => this.#kills.set(writer, resolve));
    this.#when('C', (pid) => `p=${pid}; kill_tree ${writer}`);
    return result;
  }

  /** Lets go of what is left of it: the helper is ready for another command then, or lost. */
  async release(): Promise<void> {
    await this.ended;
    for (const writer of ['O', 'E'] as const) {
      const stream = this.#outputs[writer];
      if (stream.hasEnded || stream.destroyed) continue;
      this.#close(writer);
    }
    await new Promise<void>((resolve) => {
      this.#whenSilent = resolve;
      this.#noteSilence();
    });
    if (this.#lost === undefined) await this.#helper.returned();
  }

  frame({ writer, kind, payload }: HelperFrame): void {
    switch (writer + kind) {
      case 'OD':
      case 'ED':
        this.#outputs[writer as 'O' | 'E'].receive(this.#decode(payload));
        return this.#noteEnd();
      case 'O.':
      case 'E.':
        this.#outputs[writer as 'O' | 'E'].finish();
        this.#noteEnd();
        return this.#noteSilence();
      case 'OI':
      case 'EI':
      case 'II':
      case 'CP':
        return this.#isKnown(writer, payload);
      case 'IA':
        return this.#input?.taken();
      case 'IC':
        return this.#input?.close();
      case 'MD':
        return this.#say(this.#decode(payload).toString('utf8'));
      case 'M.':
        this.#messagesEnded = true;
        return this.#noteEnd();
      case 'CX':
        this.#code = Number(payload);
        this.#input?.close();
        if (this.#input?.isWaiting === true) this.#when('I', (pid) => `end_input ${pid}`);
        return this.#noteEnd();
      default:
        this.#kills.get(writer)?.(payload === '1');
        this.#kills.delete(writer);
    }
  }

  lost(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    // What was promised already and does not come any more has no end: whoever waits for it is to see that it is missing.
    if (!this.#hasSettled) for (const stream of Object.values(this.#outputs)) stream.finish();
    this.#settle({ lost: reason });
    for (const settle of this.#kills.values()) settle(undefined);
    this.#kills.clear();
    this.#input?.close();
    this.#noteSilence();
  }

  #say(message: string): void {
    if (this.messages.length >= MAX_MESSAGES) return;
    this.messages.push(message);
    this.onMessage(message);
  }

  #noteEnd(): void {
    const code = this.#code;
    if (code === undefined || !this.#messagesEnded || this.#hasSettled) return;
    clearTimeout(this.#patience);
    const outputs = Object.values(this.#outputs).filter(({ hasEnded, destroyed }) => !hasEnded && !destroyed);
    if (outputs.length === 0 || this.#kill > 0) this.#settle({ code });
    // Whoever was asked to wait may have more.
    else if (outputs.some(({ isFull }) => isFull)) this.#patience = undefined;
    else this.#patience = setTimeout(() => this.#settle({ code }), HELD_OUTPUT_MS);
  }

  #noteSilence(): void {
    const silent = this.#outputs.O.hasEnded && this.#outputs.E.hasEnded;
    if (silent || this.#lost !== undefined) this.#whenSilent?.();
  }

  #pause(writer: string, paused: boolean): void {
    // Not while it speaks: it would keep the others from speaking.
    this.#when(writer, (pid) => (paused ? `read -r g <&5; kill -STOP ${pid}; echo >&5` : `kill -CONT ${pid}`));
  }

  #close(writer: string): void {
    if (this.#lost === undefined) this.#when(writer, (pid) => `kill -CONT ${pid}; end_output ${pid}`);
  }

  /** As soon as this process is known. */
  #when(writer: string, code: (pid: string) => string): void {
    const pid = this.#pids.get(writer);
    if (pid !== undefined) this.#helper.evaluate(code(pid));
    else this.#later.set(writer, [...(this.#later.get(writer) ?? []), code('$z')]);
  }

  #isKnown(writer: string, pid: string): void {
    if (!PID.test(pid)) return;
    this.#pids.set(writer, pid);
    for (const code of this.#later.get(writer) ?? []) this.#helper.evaluate(`z=${pid}; ${code}`);
    this.#later.delete(writer);
  }

  #decode(payload: string): Buffer {
    const form = this.#encoding === 'base64' ? BASE64 : HEXADECIMAL;
    return form.test(payload) ? Buffer.from(payload, this.#encoding) : Buffer.alloc(0);
  }
}
