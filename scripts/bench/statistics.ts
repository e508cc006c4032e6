import { setImmediate } from 'node:timers/promises';

/** The value below which this part of the values lies. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/**
 * Takes every measurement once a round: what the machine does meanwhile hits all of them alike.
 *
 * @param signal ends it between two rounds.
 * @returns the values of each, in the order of the measurements.
 */
export async function interleave(
  measurements: ReadonlyArray<() => number>,
  rounds: number,
  warmUps: number,
  signal: AbortSignal,
): Promise<number[][]> {
  const values: number[][] = measurements.map(() => []);
  for (let round = -warmUps; round < rounds; round++) {
    // The measurements block: signals of the system arrive here only.
    // oxlint-disable-next-line no-await-in-loop
    await setImmediate(undefined, { signal });
    measurements.forEach((measure, index) => {
      const value = measure();
      if (round >= 0) values[index]?.push(value);
    });
  }
  return values;
}
