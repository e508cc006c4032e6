/**
 * Waits for a promise no longer than until the signal is aborted. Whatever the promise stands for goes on.
 *
 * @throws the signal's reason, or what the promise is rejected with.
 */
export function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
    const settled = (): void => signal.removeEventListener('abort', stop);
    promise.then(resolve, reject).finally(settled);
  });
}
