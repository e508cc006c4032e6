import type { Container } from '../model/container.ts';
import type { ExecRequest, MethodName } from '../model/request.ts';
import type { Session } from '../model/session.ts';

/** Whether a method can serve a request from here, and if not, why. */
export type Availability = { ok: true } | { ok: false; reason: string };

/**
 * The command was certainly not started by this method, so the chain may go on to the next.
 * Anything that says "it may have started" must never be thrown as this.
 */
export class NotStartedError extends Error {
  override readonly name = 'NotStartedError';
}

/** One strategy to run a command in a container. */
export interface Method {
  readonly name: MethodName;

  /** Cheaply: can this method meet every need of the request? It starts nothing. */
  check(container: Container, request: ExecRequest): Availability;

  /**
   * The same, with what has to be asked for elsewhere; only after {@link Method.check} has found nothing.
   *
   * @throws the reason of `abort`.
   */
  look?(container: Container, abort: AbortSignal): Promise<Availability>;

  /** Whether a container of another node is asked for there, over ssh, before this takes part. */
  readonly asksNode?: true;

  /**
   * Starts the command for real; resolves once it is started.
   *
   * @param abort ends an attempt that has not started yet.
   * @throws NotStartedError when the command was not started and another method may try.
   * @throws LxcriError when it was not started and no other method would fare better (no such command, user, directory).
   */
  start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session>;
}
