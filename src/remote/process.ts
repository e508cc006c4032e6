import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

import type { Word } from '../model/request.ts';
import type { Connection, Listener } from './connection.ts';
import { STREAM, packList } from './frames.ts';
import type { Frame } from './frames.ts';
import { IncomingStream, OutgoingStream } from './streams.ts';

/** What to start on a node. */
export interface RemoteLaunch {
  readonly execId: string;
  /** Looked for in the PATH there, and in the standard directories. */
  readonly program: string;
  readonly args: readonly Word[];
  /** Added to an environment of its own; nothing of it is ever on a command line. */
  readonly environment: Readonly<Record<string, string>>;
  /** Which standard streams we are to hold; the others are /dev/null. */
  readonly pipes: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** A pseudo-terminal instead of all three. */
  readonly terminal: { readonly columns: number; readonly rows: number } | undefined;
  /** Whether descriptor 3 is to be a channel to us. */
  readonly channel: boolean;
  /** The argument to be replaced by a path to which the program can write a log that we get. */
  readonly logArgument: number | undefined;
  /** The init process of the container, by the node's numbering. */
  readonly initPid: number | undefined;
}

/** How it ended: with a code, by a signal, or unknown, because the connection was lost. */
export type RemoteEnd =
  | { readonly code: number; readonly signal: null }
  | { readonly code: null; readonly signal: NodeJS.Signals }
  | { readonly code: null; readonly signal: null; readonly lost: string };

/** The exit code of a program that was not started: what attaching programs exit with when they fail. */
const NOT_STARTED = 1;

/** Whom a signal is for: the program, the command it has started in the container, or that one's process group. */
export type Recipient = 'helper' | 'command' | 'group';

/** What is needed to end an execution without the connection that it was started over. */
export interface LostExecution {
  readonly execId: string;
  readonly initPid: number | undefined;
  /** The program's, in clock ticks after the node's boot; "" where it is not known. */
  readonly startTime: string;
}

/** A program that runs on a node. */
export class RemoteProcess implements Listener {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly channel: Readable | undefined;
  readonly ended: Promise<RemoteEnd>;
  /** Resolves once it runs, or may run; or to why it does not: what failed (`missing`, `exec` ...), and the system's error. */
  readonly launched: Promise<string | undefined>;
  readonly #connection: Connection;
  readonly #id: number;
  readonly #launch: RemoteLaunch;
  readonly #incoming: Map<number, IncomingStream>;
  readonly #outgoing: OutgoingStream | undefined;
  readonly #log: Buffer[] = [];
  #startTime = '';
  #failed = false;
  readonly #settleLaunch: (failure: string | undefined) => void;
  readonly #settleEnd: (end: RemoteEnd) => void;
  readonly #settleKill: ((empty: boolean | undefined) => void)[] = [];

  constructor(connection: Connection, launch: RemoteLaunch) {
    this.#connection = connection;
    this.#launch = launch;
    let settleLaunch: (failure: string | undefined) => void = () => {};
    let settleEnd: (end: RemoteEnd) => void = () => {};
    this.launched = new Promise((resolve) => (settleLaunch = resolve));
    this.ended = new Promise((resolve) => (settleEnd = resolve));
    [this.#settleLaunch, this.#settleEnd] = [settleLaunch, settleEnd];
    this.#id = connection.listen(this);
    const { pipes, terminal, channel, logArgument } = launch;
    const incoming = (wanted: boolean, stream: number): [number, IncomingStream][] =>
      wanted ? [[stream, new IncomingStream(connection, this.#id, stream)]] : [];
    this.#incoming = new Map([
      ...incoming(terminal !== undefined || pipes.stdout, STREAM.stdout),
      ...incoming(terminal === undefined && pipes.stderr, STREAM.stderr),
      ...incoming(channel, STREAM.channel),
      ...incoming(logArgument !== undefined, STREAM.log),
    ]);
    this.#outgoing =
      terminal !== undefined || pipes.stdin ? new OutgoingStream(connection, this.#id, STREAM.stdin) : undefined;
    this.stdin = this.#outgoing ?? null;
    this.stdout = this.#incoming.get(STREAM.stdout) ?? null;
    this.stderr = this.#incoming.get(STREAM.stderr) ?? null;
    this.channel = this.#incoming.get(STREAM.channel);
    this.#incoming.get(STREAM.log)?.on('data', (chunk: Buffer) => this.#log.push(chunk));
    connection.send('S', this.#id, 0, startPayload(launch));
  }

  /** A process of this host that lives until the node has ended what it is to end. */
  get carrierPid(): number | undefined {
    return this.#connection.carrierPid;
  }

  /** What the program has logged. */
  get log(): string {
    return Buffer.concat(this.#log).toString('utf8');
  }

  get execution(): LostExecution {
    return { execId: this.#launch.execId, initPid: this.#launch.initPid, startTime: this.#startTime };
  }

  signal(recipient: Recipient, signal: NodeJS.Signals): void {
    this.#connection.send('s', this.#id, 0, Buffer.from(`${recipient} ${constants.signals[signal]}`));
  }

  resize(columns: number, rows: number): void {
    const size = Buffer.allocUnsafe(4);
    size.writeUInt16BE(columns, 0);
    size.writeUInt16BE(rows, 2);
    this.#connection.send('z', this.#id, 0, size);
  }

  /** Ends all that the program has started; resolves to whether nothing is left, or `undefined` if the connection was lost. */
  killTree(): Promise<boolean | undefined> {
    if (this.#failed) return Promise.resolve(true);
    if (this.#connection.lost !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#settleKill.push(resolve);
      this.#connection.send('k', this.#id, 0);
      this.#connection.expectAnswer();
    });
  }

  /** Lets go of what is left of it; resolves once the node will know. */
  async release(): Promise<void> {
    await new Promise<void>((resolve) => this.#connection.send('f', this.#id, 0, undefined, resolve));
    this.#connection.forget(this.#id);
  }

  frame({ type, stream, payload }: Frame): void {
    switch (type) {
      case 'D':
        return this.#incoming.get(stream)?.receive(payload);
      case 'E':
        return this.#incoming.get(stream)?.finish();
      case 'W':
        return this.#outgoing?.allow(payload.readUInt32BE(0));
      case 'C':
        this.#outgoing?.destroy();
        return;
      case 'P':
        this.#startTime = payload.toString('latin1').split(' ')[1] ?? '';
        return this.#settleLaunch(undefined);
      case 'F':
        this.#fail();
        return this.#settleLaunch(payload.toString('utf8'));
      case 'X':
        return this.#settleEnd(endOf(payload.toString('latin1')));
      case 'K':
        return this.#endKill(payload.toString('latin1') === '1');
      default:
      // A newer program of ours would say more; there is none in one connection.
    }
  }

  lost(reason: string): void {
    this.#settleLaunch(undefined);
    this.#endKill(undefined);
    this.#settleEnd({ code: null, signal: null, lost: reason });
    this.#closeStreams();
  }

  /** It was not started, and whoever did not wait for that hears that it has ended. */
  #fail(): void {
    this.#failed = true;
    this.#connection.forget(this.#id);
    this.#endKill(true);
    this.#settleEnd({ code: NOT_STARTED, signal: null });
    this.#closeStreams();
  }

  #endKill(empty: boolean | undefined): void {
    for (const settle of this.#settleKill.splice(0)) settle(empty);
  }

  #closeStreams(): void {
    for (const stream of this.#incoming.values()) stream.finish();
    this.#outgoing?.destroy();
  }
}

function endOf(text: string): RemoteEnd {
  const [kind, number] = text.split(' ');
  if (kind === 'code') return { code: Number(number), signal: null };
  const name = Object.entries(constants.signals).find(([, value]) => value === Number(number))?.[0] ?? 'SIGKILL';
  return { code: null, signal: name as NodeJS.Signals };
}

/** Three lists: how to start it, its arguments, and its environment. */
function startPayload(launch: RemoteLaunch): Buffer {
  const { execId, program, args, environment, pipes, terminal, channel, logArgument, initPid } = launch;
  const letter = (held: boolean): string => (held ? 'p' : 'n');
  return Buffer.concat([
    packList([
      execId,
      program,
      letter(pipes.stdin) + letter(pipes.stdout) + letter(pipes.stderr),
      terminal === undefined ? '' : `${terminal.columns}x${terminal.rows}`,
      channel ? '1' : '',
      String(initPid ?? ''),
      String(logArgument ?? ''),
    ]),
    packList(args),
    packList(Object.entries(environment).map(([key, value]) => `${key}=${value}`)),
  ]);
}
