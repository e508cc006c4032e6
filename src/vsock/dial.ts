import { connect } from 'node:net';
import type { Socket } from 'node:net';

import type { VsockAddress } from '../model/vsock.ts';
import { noAgent, noSocket, silentGuest } from './failures.ts';
import { dialByCid } from './dial-cid.ts';
import type { Wire } from './grpc/connection.ts';

/** A connection to a port of a guest, on which we have said nothing yet. It is paused. */
export interface Line {
  readonly socket: Wire;
  /** Why it ended before the first answer came, where that is known. */
  whyEnded(): string | undefined;
}

/** How long the VMM may take to accept a connection, and then to pass it on to the guest. */
export interface DialLimits {
  readonly connectMs: number;
  readonly handshakeMs: number;
}

export const DIAL_LIMITS: DialLimits = { connectMs: 5000, handshakeMs: 5000 };

/**
 * Connects to a port of a guest.
 *
 * @throws LxcriError what is in the way; UnreachableAgent where it can pass; the reason of `abort`.
 */
export async function dial(address: VsockAddress, abort: AbortSignal, limits = DIAL_LIMITS): Promise<Line> {
  abort.throwIfAborted();
  if (address.kind === 'cid') return dialByCid(address, abort);
  const socket = connect({ path: address.path });
  const guard = new Guard(socket, abort);
  try {
    await guard.until(
      limits.connectMs,
      (resolve) => socket.once('connect', resolve),
      (error) => noSocket(address, error ?? Object.assign(new Error('the VMM does not accept it'), { code: 'EAGAIN' })),
    );
    await handshake(socket, address, guard, limits.handshakeMs);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    guard.release();
  }
  return { socket, whyEnded: () => undefined };
}

/** The answer is `OK PORT`; a line that is longer is none. */
const MAX_LINE_BYTES = 64;
const NEWLINE = 10;

/**
 * Asks the VMM for a port of its guest: `CONNECT PORT\n`, answered by `OK HOST_PORT\n`, or by the end where nobody listens
 * there (docs/vsock.md of Firecracker, of which Cloud Hypervisor has it). What the guest has said already may come with it.
 */
async function handshake(socket: Socket, address: VsockAddress, guard: Guard, limitMs: number): Promise<void> {
  let line: Buffer = Buffer.alloc(0);
  await guard.until(
    limitMs,
    (resolve, reject) => {
      const onData = (chunk: Buffer): void => {
        line = Buffer.concat([line, chunk]);
        const end = line.indexOf(NEWLINE);
        if (end === -1 && line.length <= MAX_LINE_BYTES) return;
        socket.off('data', onData).off('end', onEnd).pause();
        const text = line.subarray(0, Math.max(0, end)).toString('latin1');
        if (!/^OK( \d+)?\r?$/.test(text)) {
          const shown = JSON.stringify(line.subarray(0, MAX_LINE_BYTES).toString('latin1'));
          reject(noAgent(address, `the VMM answers ${shown}; is this the vsock socket of a VMM?`));
          return;
        }
        const rest = line.subarray(end + 1);
        if (rest.length > 0) socket.unshift(rest);
        resolve();
      };
      const onEnd = (): void => reject(noAgent(address, CLOSES));
      socket.on('data', onData).once('end', onEnd);
      socket.write(`CONNECT ${address.port}\n`);
    },
    (error) => (error === undefined ? silentGuest(address, limitMs) : noAgent(address, reasonOf(error))),
  );
}

const CLOSES = 'the VMM closes the connection';

/** Who closes at once may do so while we write. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code === 'EPIPE' || code === 'ECONNRESET' ? CLOSES : message;
}

/** Waits for a step of a connection that may fail, take too long, or be given up. */
class Guard {
  readonly #socket: Socket;
  readonly #abort: AbortSignal;
  /** A socket that fails between two steps must not end the process. */
  readonly #ignore = (): void => {};

  constructor(socket: Socket, abort: AbortSignal) {
    this.#socket = socket;
    this.#abort = abort;
    socket.on('error', this.#ignore);
  }

  /** @param failed makes the error of a socket's failure, or of the end of the time. */
  until(
    limitMs: number,
    step: (resolve: () => void, reject: (error: Error) => void) => void,
    failed: (error: NodeJS.ErrnoException | undefined) => Error,
  ): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer);
        this.#socket.off('error', onError);
        this.#abort.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onError = (error: Error): void => settle(failed(error));
      const onAbort = (): void => settle(this.#abort.reason as Error);
      const timer = setTimeout(() => settle(failed(undefined)), limitMs);
      this.#socket.on('error', onError);
      this.#abort.addEventListener('abort', onAbort);
      step(() => settle(), settle);
    });
  }

  release(): void {
    this.#socket.off('error', this.#ignore);
  }
}
