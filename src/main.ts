import { say } from './cli/messages.ts';
import { exactWords } from './cli/raw-argv.ts';
import { runExec } from './cli/run-exec.ts';
import { EXIT } from './model/exit-codes.ts';

/** `exec` is the hot path and loads nothing of oclif; every other verb, and help, does. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] !== 'exec') return runOclif(argv);
  return runExec(exactWords(argv).slice(1), () => runOclif(['exec', '--help']));
}

async function runOclif(argv: readonly string[]): Promise<number> {
  const oclif = await import('./cli/oclif.ts');
  return oclif.runOclif(argv);
}

main(process.argv.slice(2)).then(
  // All output is written by now; what is still open (our standard input, a watchdog) must not hold us.
  (code) => process.exit(code),
  (error: unknown) => {
    say(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}; please report it`);
    process.exit(EXIT.notStarted);
  },
);
