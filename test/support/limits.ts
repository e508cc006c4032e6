/** Time limits on a machine that may be busy with something else. */

/**
 * Calls something that is given little time, which counts from the call: on a busy machine the time can be over before
 * what it is for has begun. Then it is called again with more.
 *
 * @param firstMs as short as the test wants to be on an idle machine.
 * @param begun whether what was called came far enough within its time.
 */
export async function withLimit<T>(
  firstMs: number,
  call: (limitMs: number) => Promise<T>,
  begun: (outcome: T) => boolean,
): Promise<T> {
  for (let limitMs = firstMs; ; limitMs *= 4) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const outcome = await call(limitMs);
    if (begun(outcome) || limitMs > 15_000) return outcome;
  }
}

/**
 * How long something takes at its fastest: for what is not to wait for a time of its own.
 *
 * @param enoughMs it is not called again once it has taken less.
 */
export async function fastest(enoughMs: number, action: () => Promise<unknown>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5 && best >= enoughMs; round++) {
    const begin = performance.now();
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await action();
    best = Math.min(best, performance.now() - begin);
  }
  return best;
}
