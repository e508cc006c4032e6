/**
 * What a promise resolves to, unless that is not waited for any more; what it does goes on.
 *
 * @throws the reason of `abort`, at once.
 */
export async function unlessAborted<Value>(promise: Promise<Value>, abort: AbortSignal | undefined): Promise<Value> {
  if (abort === undefined) return promise;
  let stop = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(abort.reason as Error);
    if (abort.aborted) stop();
    else abort.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    abort.removeEventListener('abort', stop);
  }
}
