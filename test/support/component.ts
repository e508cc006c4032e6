/** Programs that a suite needs and a machine may lack. */

/**
 * Skips the suite, loudly, where something it needs is missing; in CI that is a failure.
 *
 * @param context mocha's `this` in a hook or test.
 */
export function needs(context: { skip(): void }, what: string, present: boolean): void {
  if (present) return;
  const message = `${what} is missing: npm run setup:host installs it`;
  if (process.env['CI'] !== undefined) throw new Error(message);
  console.log(`SKIPPED: ${message}`);
  context.skip();
}
