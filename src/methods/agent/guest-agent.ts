import { setTimeout as sleep } from 'node:timers/promises';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ApiAccess } from '../../model/remote.ts';
import { launchFailure } from './failures.ts';
import type { Launched } from './failures.ts';

/** What the server takes as standard input (`input-data` of the API), in bytes. */
export const MAX_INPUT_BYTES = 65_536;

/** What the server takes as a whole (pve-http-server), with room for what stands around it. */
const MAX_BODY_BYTES = 512 * 1024 - 256;

const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 1000;
const POLL_GROWTH = 1.4;

/** How long a server that does not answer is asked again for something that runs. */
const PATIENCE_MS = 60_000;

/** Something in a guest that has ended. */
export interface Ended {
  readonly kind: 'ended';
  readonly exitCode: number | undefined;
  /** Its number. */
  readonly signal: number | undefined;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** The agent has dropped what was more than it keeps (16 MiB of each). */
  readonly truncated: boolean;
}

/** How to wait for something in a guest. */
export interface Waiting {
  /** Called each time that it has not ended. */
  readonly onRunning?: () => void;
  /** Gives up: then it is not known what became of it. */
  readonly abort?: AbortSignal;
}

/** What became of something that was started. */
export type Outcome = Ended | { readonly kind: 'unknown'; readonly reason: string };

const GIVEN_UP: Outcome = { kind: 'unknown', reason: 'the agent did not say that it has ended' };

/** The answer of `agent/exec-status`; nothing in it is taken for what it should be. */
type Status = Partial<
  Record<'exited' | 'exitcode' | 'signal' | 'out-data' | 'err-data' | 'out-truncated' | 'err-truncated', unknown>
>;

/** The QEMU guest agent of one virtual machine, as the API of Proxmox VE reaches it. */
export class GuestAgent {
  readonly #api: ApiAccess;
  readonly #path: string;
  /** How messages name the guest. */
  readonly name: string;

  constructor(api: ApiAccess, name: string) {
    this.#api = api;
    this.#path = `/nodes/${encodeURIComponent(api.node)}/qemu/${api.vmid}/agent`;
    this.name = name;
  }

  /**
   * Starts a program; sent once.
   *
   * @param input its whole standard input; none: /dev/null.
   */
  async launch(command: readonly string[], input: Buffer | undefined): Promise<Launched> {
    // Each byte as the character of its number: the server makes base64 of the characters, which are bytes to it.
    const data = input === undefined || input.length === 0 ? undefined : input.toString('latin1');
    const refusal = tooMuch(command, data);
    if (refusal !== undefined) return { kind: 'refused', error: refusal };
    try {
      const answer = await this.#api.call<{ pid?: unknown } | null>('POST', `${this.#path}/exec`, {
        command,
        'input-data': data,
      });
      const pid = answer?.pid;
      if (typeof pid === 'number' && Number.isInteger(pid)) return { kind: 'started', pid };
      return { kind: 'unclear', reason: 'the server gave no process id' };
    } catch (error) {
      if (!isLxcriError(error)) throw error;
      return launchFailure(error, this.name, this.#api.vmid);
    }
  }

  /**
   * Waits until something has ended, asked often at first, then once a second. An agent may never say that it has.
   */
  async wait(pid: number, { onRunning, abort }: Waiting = {}): Promise<Outcome> {
    let pauseMs = FIRST_POLL_MS;
    let silentSince: number | undefined;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one question after the other
      const answer = await this.#status(pid, abort);
      if (answer.kind !== 'running' && answer.kind !== 'unreachable') return answer;
      if (answer.kind === 'running') {
        silentSince = undefined;
        onRunning?.();
      } else {
        silentSince ??= Date.now();
        if (Date.now() - silentSince > PATIENCE_MS) return { kind: 'unknown', reason: answer.reason };
      }
      // oxlint-disable-next-line no-await-in-loop -- as above
      await sleep(pauseMs, undefined, { signal: abort }).catch(() => {});
      if (abort?.aborted === true) return GIVEN_UP;
      pauseMs = Math.min(pauseMs * POLL_GROWTH, LAST_POLL_MS);
    }
  }

  /** Whether the guest is a Windows; `undefined` where its agent does not say. */
  async isWindows(): Promise<boolean | undefined> {
    try {
      const { result } = await this.#api.call<{ result?: { id?: unknown } }>('GET', `${this.#path}/get-osinfo`);
      return result?.id === undefined ? undefined : result.id === 'mswindows';
    } catch (error) {
      if (!isLxcriError(error)) throw error;
      return undefined;
    }
  }

  async #status(
    pid: number,
    abort: AbortSignal | undefined,
  ): Promise<Outcome | { kind: 'running' } | { kind: 'unreachable'; reason: string }> {
    let status: Status;
    try {
      status = (await this.#api.call<Status | null>('GET', `${this.#path}/exec-status`, { pid }, abort)) ?? {};
    } catch (error) {
      if (abort?.aborted === true) return GIVEN_UP;
      if (!isLxcriError(error)) throw error;
      // A server that restarts, an agent that is busy: it is as before when they are back. The agent forgets a status once it
      // has told it, so after an answer that was lost it says that there is no such process.
      const mayPass =
        error.code === 'PlatformUnreachable' || /got timeout|qga socket|guest agent is not running/.test(error.message);
      return { kind: mayPass ? 'unreachable' : 'unknown', reason: error.message };
    }
    if (status.exited === false || status.exited === 0 || status.exited === '0') return { kind: 'running' };
    if (!isTrue(status.exited)) return { kind: 'unknown', reason: 'the answer of the server was not understood' };
    const [stdout, stderr] = [bytesOf(status['out-data']), bytesOf(status['err-data'])];
    if (stdout === undefined || stderr === undefined)
      return { kind: 'unknown', reason: 'the server gave output that is no bytes' };
    return {
      kind: 'ended',
      exitCode: wholeNumber(status.exitcode),
      signal: wholeNumber(status.signal),
      stdout,
      stderr,
      truncated: isTrue(status['out-truncated']) || isTrue(status['err-truncated']),
    };
  }
}

/** Booleans are 0 and 1 there. */
function isTrue(value: unknown): boolean {
  return value === true || value === 1 || value === '1';
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

/** The server writes each byte as the character of its number. */
function bytesOf(text: unknown): Buffer | undefined {
  if (text === undefined || text === null) return Buffer.alloc(0);
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'latin1');
  return bytes.toString('latin1') === text ? bytes : undefined;
}

/** What the server would refuse, or cut, is refused here. */
function tooMuch(command: readonly string[], input: string | undefined): LxcriError | undefined {
  if (input !== undefined && input.length > MAX_INPUT_BYTES) return inputTooLarge(MAX_INPUT_BYTES);
  const inBody = [...command, input ?? ''].reduce((sum, each) => sum + encodeURIComponent(each).length + 9, 0);
  if (inBody <= MAX_BODY_BYTES) return undefined;
  return new LxcriError(
    'UsageError',
    'the command, its environment and its input are longer than what the API takes (512 KiB)',
    'put the data into a file in the guest first',
  );
}

/** The error of an input that does not fit. */
export function inputTooLarge(limit: number): LxcriError {
  return new LxcriError(
    'UsageError',
    `the standard input is longer than ${limit} bytes, which is all that the QEMU guest agent takes`,
    'put the data into a file in the guest first, or leave it out with --no-stdin',
  );
}
