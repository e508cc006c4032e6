import { setTimeout as sleep, setImmediate as turnOfLoop } from 'node:timers/promises';

import { addressText } from './address.ts';
import type { VsockAddress } from '../model/vsock.ts';
import { DIAL_LIMITS, dial } from './dial.ts';
import type { DialLimits } from './dial.ts';
import { UnreachableAgent, noAgent, silentAgent } from './failures.ts';
import type { GrpcCall } from './grpc/call.ts';
import { GrpcConnection } from './grpc/connection.ts';
import type { Answer } from './grpc/connection.ts';
import { STATUS } from './grpc/status.ts';
import { controlRequest, helloRequest, parseControl, parseHello } from './protocol.ts';
import type { Control, Hello } from './protocol.ts';

/** The services of the two published protocols; an agent of ours has both. */
const SERVICES = { later: '/guest.GuestService', older: '/exec.ExecService' } as const;

/** How patient we are, in milliseconds. */
export interface AgentLimits extends DialLimits {
  /** Until the first word of an agent that was connected to, and until it has said who it is. */
  readonly answerMs: number;
  /** A connection with calls on it that was silent for so long is asked whether somebody is there ... */
  readonly silenceMs: number;
  /** ... and given up where nobody has said so in this time. */
  readonly pulseMs: number;
  /** A connection without calls is kept for so long. */
  readonly idleMs: number;
}

export const AGENT_LIMITS: AgentLimits = {
  ...DIAL_LIMITS,
  answerMs: 5000,
  silenceMs: 10_000,
  pulseMs: 20_000,
  idleMs: 30_000,
};

/** A connection that has carried something within this time is taken to be alive. */
const FRESH_MS = 1000;

/** Rounds of the event loop until the end of a connection is known: it is read in one, and its socket closed in the next. */
const TURNS = 3;

/** An agent in a guest, connected. */
export class Agent {
  readonly address: VsockAddress;
  /** Absent where it is no agent of ours: it knows nothing of the fields from 100 on. */
  readonly hello: Hello | undefined;
  readonly #connection: GrpcConnection;
  readonly #service: string;
  readonly #limits: AgentLimits;
  #calls = 0;
  #lastHeard = performance.now();
  #pulse: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;

  private constructor(
    address: VsockAddress,
    connection: GrpcConnection,
    { hello, service }: { hello: Hello | undefined; service: string },
    limits: AgentLimits,
  ) {
    this.address = address;
    this.hello = hello;
    this.#connection = connection;
    this.#service = service;
    this.#limits = limits;
    this.#rest();
    void connection.closed.then(() => {
      clearInterval(this.#pulse);
      clearTimeout(this.#idle);
    });
  }

  /**
   * Connects, and asks who is there.
   *
   * @throws LxcriError what is in the way; UnreachableAgent where it can pass; the reason of `abort`.
   */
  static async connect(address: VsockAddress, abort: AbortSignal, limits = AGENT_LIMITS): Promise<Agent> {
    const line = await dial(address, abort, limits);
    let connection: GrpcConnection;
    try {
      connection = await GrpcConnection.open(line.socket, limits.answerMs, abort);
    } catch (error) {
      line.socket.destroy();
      abort.throwIfAborted();
      const known = line.whyEnded();
      throw known === undefined ? silentAgent(address, (error as Error).message) : noAgent(address, known);
    }
    try {
      return new Agent(address, connection, await introduce(address, connection, limits.answerMs, abort), limits);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** Resolves when nothing goes over its connection any more. */
  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  /** Whether it still answers; a connection that was used just now is not asked. */
  async isAlive(): Promise<boolean> {
    if (!this.isOpen) return false;
    if (performance.now() - this.#lastHeard < FRESH_MS) {
      // While this process was busy it may have ended, which is only noticed when the event loop goes round.
      for (let turn = 0; turn < TURNS; turn++)
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await turnOfLoop();
      return this.isOpen;
    }
    const alive = await this.#answers(this.#limits.answerMs);
    if (!alive) this.#connection.close('it does not answer');
    return alive;
  }

  /**
   * Begins an Exec; nothing is said yet.
   *
   * @throws Error where its connection takes no further call.
   */
  exec(onMessage: (pieces: Buffer[]) => void): GrpcCall {
    const call = this.#connection.call(`${this.#service}/Exec`, (pieces) => {
      this.#lastHeard = performance.now();
      onMessage(pieces);
    });
    this.#calls += 1;
    clearTimeout(this.#idle);
    this.#pulse ??= setInterval(() => void this.#feel(), this.#limits.silenceMs);
    void call.ended.then(() => {
      this.#calls -= 1;
      if (this.#calls === 0) this.#rest();
    });
    return call;
  }

  /**
   * Acts on a running command.
   *
   * @returns how many of its processes are left, `'ended'` where the agent knows it no more; `undefined` where there was no
   *   answer.
   */
  async control(id: string, control: Control, limitMs: number): Promise<number | 'ended' | undefined> {
    if (!this.isOpen) return undefined;
    const answer = await this.#ask('Control', controlRequest(id, control), limitMs);
    if (answer.kind === 'status' && answer.status.code === STATUS.notFound) return 'ended';
    if (answer.kind !== 'message') return undefined;
    try {
      return parseControl(answer.message).left;
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#connection.close();
  }

  async #ask(name: string, message: Uint8Array, limitMs: number): Promise<Answer> {
    const answer = await this.#connection.ask(`${SERVICES.later}/${name}`, message, limitMs);
    if (answer.kind !== 'broken' && answer.kind !== 'refused') this.#lastHeard = performance.now();
    return answer;
  }

  /**
   * A guest that was paused, or hangs, says nothing of it. Who is no agent of ours may take many pings of HTTP/2 for an
   * attack (gRPC's servers end such a connection), so it is asked something that it answers in any case.
   */
  async #answers(limitMs: number): Promise<boolean> {
    if (this.hello !== undefined) {
      const answered = await this.#connection.ping(limitMs);
      if (answered) this.#lastHeard = performance.now();
      return answered;
    }
    const { kind } = await this.#ask('Hello', helloRequest(CLIENT), limitMs);
    return kind === 'message' || kind === 'status';
  }

  async #feel(): Promise<void> {
    const { silenceMs, pulseMs } = this.#limits;
    const asked = performance.now();
    if (asked - this.#lastHeard < silenceMs / 2 || (await this.#answers(pulseMs))) return;
    // What has come meanwhile is a sign of life as well.
    if (this.#lastHeard < asked && this.isOpen)
      this.#connection.close(`the guest has not answered for ${Math.round(pulseMs / 1000)} s`);
  }

  #rest(): void {
    clearInterval(this.#pulse);
    this.#pulse = undefined;
    this.#idle = setTimeout(() => this.close(), this.#limits.idleMs);
    this.#idle.unref();
  }
}

/** For the agent's log. */
const CLIENT = 'proxmox-lxcri';

/** Who is there, and by which service it runs commands. Nothing is started by it. */
async function introduce(
  address: VsockAddress,
  connection: GrpcConnection,
  limitMs: number,
  abort: AbortSignal,
): Promise<{ hello: Hello | undefined; service: string }> {
  const asked = (name: string, message: Uint8Array): Promise<Answer> =>
    connection.ask(`${SERVICES.later}/${name}`, message, limitMs, abort);
  const answer = await asked('Hello', helloRequest(CLIENT));
  if (answer.kind === 'message') {
    const hello = helloIn(answer.message);
    if (hello.protocol >= 1) return { hello, service: SERVICES.later };
    return { hello: undefined, service: SERVICES.later };
  }
  if (answer.kind === 'broken') throw silentAgent(address, answer.reason);
  if (answer.kind === 'refused') throw silentAgent(address, 'it takes no more calls');
  const { code, message } = answer.status;
  if (code !== STATUS.unimplemented) throw silentAgent(address, `${message} (gRPC status ${code})`);
  // What servers in Go say of a method of a service that they have, and of a service that they have not.
  if (message.startsWith('unknown method')) return { hello: undefined, service: SERVICES.later };
  if (message.startsWith('unknown service')) return { hello: undefined, service: SERVICES.older };
  const looked = await asked('StatPath', new Uint8Array());
  const isOlder = looked.kind === 'status' && looked.status.code === STATUS.unimplemented;
  return { hello: undefined, service: isOlder ? SERVICES.older : SERVICES.later };
}

function helloIn(message: Buffer): Hello {
  try {
    return parseHello(message);
  } catch {
    return { agent: '', version: '', protocol: 0, capabilities: [], maxMessageBytes: 0 };
  }
}

const agents = new Map<string, Promise<Agent>>();

/**
 * An agent that answers: one that is connected already, or a new connection, which is then kept for the next call.
 *
 * @throws LxcriError what is in the way; UnreachableAgent where it can pass; the reason of `abort`.
 */
export async function agentAt(address: VsockAddress, abort: AbortSignal): Promise<Agent> {
  const key = addressText(address);
  const known = agents.get(key);
  if (known !== undefined) {
    const agent = await unlessAborted(
      known.catch(() => undefined),
      abort,
    );
    if (agent !== undefined && (await unlessAborted(agent.isAlive(), abort))) return agent;
    if (agents.get(key) === known) agents.delete(key);
    // Somebody else may have been faster.
    return agentAt(address, abort);
  }
  const connecting = Agent.connect(address, abort);
  agents.set(key, connecting);
  const forget = (): void => {
    if (agents.get(key) === connecting) agents.delete(key);
  };
  try {
    const agent = await connecting;
    void agent.closed.then(forget);
    return agent;
  } catch (error) {
    forget();
    throw error;
  }
}

/** What it resolves to, for who need not wait for it; @throws the reason of `abort`. */
async function unlessAborted<Value>(promise: Promise<Value>, abort: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(abort.reason as Error);
  abort.addEventListener('abort', onAbort);
  try {
    abort.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    abort.removeEventListener('abort', onAbort);
  }
}

/** Pauses between attempts to reach an agent that is still starting. */
const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 500;

/** Who waits for less still makes one attempt that can come to something. */
const LEAST_WAIT_MS = 1000;

/** Timers of Node.js take no more: 24 days. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Waits until an agent answers. Nothing is started by an attempt, so that there may be any number of them.
 *
 * @param waitMs 0: one attempt, for as long as that takes. Else no attempt goes on for longer than this, or 1000.
 * @throws LxcriError what was in the way last; the reason of `abort`.
 */
export async function awaitAgent(address: VsockAddress, waitMs: number, abort: AbortSignal): Promise<Agent> {
  if (waitMs === 0) return agentAt(address, abort);
  const over = new AbortController();
  const limit = Math.min(Math.max(waitMs, LEAST_WAIT_MS), LONGEST_TIMER_MS);
  const timer = setTimeout(() => over.abort(new Error('waited for long enough')), limit);
  try {
    return await tryUntil(address, waitMs, abort, over.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** @param over ends an attempt that has not come to anything. */
async function tryUntil(address: VsockAddress, waitMs: number, abort: AbortSignal, over: AbortSignal): Promise<Agent> {
  const end = performance.now() + waitMs;
  const either = AbortSignal.any([abort, over]);
  let last: UnreachableAgent | undefined;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LAST_PAUSE_MS)) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
      return await agentAt(address, either);
    } catch (error) {
      abort.throwIfAborted();
      if (over.aborted && error === over.reason)
        throw stillNot(last ?? silentAgent(address, 'nothing was heard of it'), waitMs);
      if (!(error instanceof UnreachableAgent) || !error.passing) throw error;
      if (performance.now() >= end) throw stillNot(error, waitMs);
      last = error;
    }
    const left = Math.max(0, end - performance.now());
    // oxlint-disable-next-line no-await-in-loop -- nothing tells of the change
    await sleep(Math.min(pause, left), undefined, { signal: abort }).catch(() => abort.throwIfAborted());
  }
}

function stillNot(error: UnreachableAgent, waitMs: number): Error {
  const { code, message, hint = '', passing } = error;
  return new UnreachableAgent(code, `${message}; it was waited for ${waitMs} ms`, hint, passing);
}
