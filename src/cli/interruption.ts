import { LxcriError } from '../model/errors.ts';
import { untilAborted } from '../process/until-aborted.ts';

/** A signal of this process that ends what it is doing. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

const INTERRUPTING: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/**
 * Does something that a signal can interrupt: it is told by its abort signal, whose reason is an {@link Interruption}, and
 * has the time to end what it has started.
 */
export async function interruptible<Result>(action: (abort: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => controller.abort(new Interruption(signal));
  for (const signal of INTERRUPTING) process.on(signal, interrupt);
  try {
    return await action(controller.signal);
  } finally {
    for (const signal of INTERRUPTING) process.off(signal, interrupt);
  }
}

/**
 * The same for what only asks: it is not waited for after a signal, or when the time is over.
 *
 * @throws Interruption; LxcriError `ExecutionTimeout`.
 */
export function answered<Result>(
  question: (abort: AbortSignal) => Promise<Result>,
  timeoutMs: number | undefined,
): Promise<Result> {
  return interruptible(async (interrupted) => {
    const limit = new AbortController();
    const late = (): void => {
      const message = `there was no answer within ${timeoutMs} ms`;
      limit.abort(new LxcriError('ExecutionTimeout', message, 'give it more time with --timeout'));
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
    const abort = AbortSignal.any([interrupted, limit.signal]);
    try {
      return await untilAborted(question(abort), abort);
    } finally {
      clearTimeout(timer);
    }
  });
}
