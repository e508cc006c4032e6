/** Programs that a suite needs and a machine may lack. */

/**
 * Skips the suite, loudly, where something it needs is missing; in CI that is a failure.
 *
 * @param context mocha's `this` in a hook or test.
 * @param remedy what to do about it.
 */
export function needs(
  context: { skip(): void },
  what: string,
  present: boolean,
  remedy = 'npm run setup:host installs it',
): void {
  if (present) return;
  const message = `${what} is missing: ${remedy}`;
  if (process.env['CI'] !== undefined) throw new Error(message);
  console.log(`SKIPPED: ${message}`);
  context.skip();
}
