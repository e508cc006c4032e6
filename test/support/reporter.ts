/**
 * mocha's own report, then every skipped test by name, every one that only passed at a second try, and why, and the
 * counts on a line of their own. The counts also go to the
 * file that MOCHA_COUNTS names: what runs the tests must not have to search our output.
 */
import { writeFileSync } from 'node:fs';

import Mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_PENDING, EVENT_TEST_RETRY } = Mocha.Runner.constants;

export default class CountsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const skipped: string[] = [];
    const retried: string[] = [];
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push(test.fullTitle()));
    runner.on(EVENT_TEST_RETRY, (test, error: Error) => retried.push(`${test.fullTitle()}\n${error.stack ?? error}`));
    runner.once(EVENT_RUN_END, () => {
      for (const title of skipped) console.log(`SKIPPED: ${title}`);
      for (const what of retried) console.log(`RETRIED: ${what}`);
      const { passes, failures, pending } = this.stats;
      const counts = `${passes} passed, ${failures} failed, ${pending} skipped`;
      console.log(counts);
      const file = process.env['MOCHA_COUNTS'];
      if (file !== undefined) writeFileSync(file, `${counts}\n`);
    });
  }
}
