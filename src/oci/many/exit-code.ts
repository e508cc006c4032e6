/** One exit code for several: the one that all have, else the largest of them, as `pdsh -S` has it. */
export function commonExitCode(codes: readonly number[]): number {
  return Math.max(0, ...codes);
}
