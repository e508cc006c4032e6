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
  return answeredInTime((interrupted, late) => {
    const abort = AbortSignal.any([interrupted, late]);
    return untilAborted(question(abort), abort);
  }, timeoutMs);
}

/**
 * The same for what asks several, and has an answer without those that are late: it is only told when the time is over.
 *
 * @param question `late` is aborted with an LxcriError `ExecutionTimeout`.
 * @throws Interruption
 */
export function answeredInTime<Result>(
  question: (abort: AbortSignal, late: AbortSignal) => Promise<Result>,
  timeoutMs: number | undefined,
): Promise<Result> {
  return interruptible(async (interrupted) => {
    const limit = new AbortController();
    const end = (): void => {
      const message = `there was no answer within ${timeoutMs} ms`;
      limit.abort(new LxcriError('ExecutionTimeout', message, 'give it more time with --timeout'));
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs);
    try {
      return await untilAborted(question(interrupted, limit.signal), interrupted);
    } finally {
      clearTimeout(timer);
    }
  });
}
