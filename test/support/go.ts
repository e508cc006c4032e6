/** Go, for suites with the guest agent. */
import { findGo } from '../../scripts/guest-agent.ts';

/**
 * Skips the suite, loudly, where there is no Go; in CI that is a failure.
 *
 * @param context mocha's `this` in a hook or test.
 */
export function needsGo(context: { skip(): void }): void {
  if (findGo() !== undefined) return;
  const message = 'Go is missing, and with it the guest agent: install it (https://go.dev/dl) and put it into the PATH';
  if (process.env['CI'] !== undefined) throw new Error(message);
  console.log(`SKIPPED: ${message}`);
  context.skip();
}
