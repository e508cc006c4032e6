import { constants } from 'node:os';

import type { ForwardedSignal } from '../../model/session.ts';
import type { Agent } from '../../vsock/agent.ts';
import { agentAt } from '../../vsock/agent.ts';
import type { GrpcCall } from '../../vsock/grpc/call.ts';
import { TARGET, resizeRequest, stdinCloseRequest, stdinHead } from '../../vsock/protocol.ts';

/** What can be done with a command, depending on whose agent runs it. */
export interface Peer {
  /** Whether it ends every process that a command started. */
  readonly treeKill: boolean;
  /** What it lacks, in one line. */
  readonly remark?: string;
  /** What is said where not all was ended; there where it may overlook processes that have left the command's session. */
  readonly leftover?: string;
  exec(onMessage: (pieces: Buffer[]) => void): GrpcCall;
  endInput(call: GrpcCall, hasTerminal: boolean, done: () => void): void;
  resize(call: GrpcCall, columns: number, rows: number): void;
  signal(call: GrpcCall, signal: ForwardedSignal): void;
  /** Nobody reads this stream any more. */
  closeOutput(call: GrpcCall, stream: 'stdout' | 'stderr'): void;
  /** Kills all processes of the command; resolves to whether none is known to be left. */
  kill(call: GrpcCall): Promise<boolean>;
}

/** How long a word to an agent about a running command may take, and how long to kill all of it. */
const CONTROL_MS = 10_000;
const KILL_MS = 15_000;

/** How long a new connection may take, to ask what became of a command whose connection was lost. */
const RETURN_MS = 5000;

/** Our own clock ends a command that takes too long; this one only has the agent do it as soon as the command has ended. */
const AGENTS_KILL_AFTER_MS = 86_400_000;

const CANCELING: ReadonlySet<ForwardedSignal> = new Set<ForwardedSignal>(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

const WITHOUT_GROUPS = 'something of it may be left: the guest has no control groups';

/** An agent of ours. */
export class OwnPeer implements Peer {
  readonly treeKill = true;
  readonly leftover?: string;
  readonly #agent: Agent;
  readonly #id: string;

  constructor(agent: Agent, id: string) {
    this.#agent = agent;
    this.#id = id;
    if (agent.hello?.capabilities.includes('cgroup') !== true) this.leftover = WITHOUT_GROUPS;
  }

  exec(onMessage: (pieces: Buffer[]) => void): GrpcCall {
    return this.#agent.exec(onMessage);
  }

  endInput(call: GrpcCall, _hasTerminal: boolean, done: () => void): void {
    call.send(stdinCloseRequest(), done);
  }

  resize(_call: GrpcCall, columns: number, rows: number): void {
    void this.#agent.control(this.#id, { kind: 'resize', columns, rows }, CONTROL_MS);
  }

  signal(_call: GrpcCall, signal: ForwardedSignal): void {
    const number = constants.signals[signal];
    const control = CANCELING.has(signal)
      ? { kind: 'signal' as const, number, target: TARGET.group, killAfterMs: AGENTS_KILL_AFTER_MS }
      : { kind: 'signal' as const, number, target: TARGET.command };
    void this.#agent.control(this.#id, control, CONTROL_MS);
  }

  closeOutput(_call: GrpcCall, stream: 'stdout' | 'stderr'): void {
    void this.#agent.control(this.#id, { kind: 'close-output', stream }, CONTROL_MS);
  }

  async kill(): Promise<boolean> {
    const control = { kind: 'signal' as const, number: constants.signals.SIGKILL, target: TARGET.tree };
    const agent = this.#agent.isOpen ? this.#agent : await this.#again();
    const left = await agent?.control(this.#id, control, KILL_MS);
    return left === 'ended' || left === 0;
  }

  /** With its connection the agent has killed the command; whether all of it is gone, a new one tells. */
  async #again(): Promise<Agent | undefined> {
    try {
      return await agentAt(this.#agent.address, AbortSignal.timeout(RETURN_MS));
    } catch {
      return undefined;
    }
  }
}

/** What a terminal's line discipline reads as end of input (Ctrl-D). */
const END_OF_TRANSMISSION = Buffer.of(4);

/** An agent of the published protocols, which knows neither signals nor whether a command's tree has ended. */
export class OlderPeer implements Peer {
  readonly treeKill = false;
  readonly remark = 'an older agent: it passes on no signals, and may not notice a new size of the terminal';
  readonly #agent: Agent;

  constructor(agent: Agent) {
    this.#agent = agent;
  }

  exec(onMessage: (pieces: Buffer[]) => void): GrpcCall {
    return this.#agent.exec(onMessage);
  }

  endInput(call: GrpcCall, hasTerminal: boolean, done: () => void): void {
    if (hasTerminal) call.sendWith(stdinHead(END_OF_TRANSMISSION.length), END_OF_TRANSMISSION, done);
    else call.finish(done);
  }

  resize(call: GrpcCall, columns: number, rows: number): void {
    call.send(resizeRequest(columns, rows));
  }

  /** Who asks it to end has no other way than to leave it. */
  signal(call: GrpcCall, signal: ForwardedSignal): void {
    if (CANCELING.has(signal)) call.cancel();
  }

  closeOutput(call: GrpcCall): void {
    call.cancel();
  }

  kill(call: GrpcCall): Promise<boolean> {
    call.cancel();
    return Promise.resolve(false);
  }
}
