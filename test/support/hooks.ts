/** Loaded by mocha before all suites: the host is clean when the tests begin, and again when they end. */
import { removeOwnThings, sweepDeadRuns } from './ledger.ts';

export function mochaGlobalSetup(): void {
  sweepDeadRuns();
}

export function mochaGlobalTeardown(): void {
  removeOwnThings();
}
