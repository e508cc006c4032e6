import { sayError } from './cli/messages.ts';
import { exactWords } from './cli/raw-argv.ts';
import { runExec } from './cli/run-exec.ts';
import { EXIT } from './model/exit-codes.ts';
import { internalError } from './model/internal-error.ts';
import type { Word } from './model/request.ts';
import { startExecution } from './oci/execution.ts';

/** The verbs that end in a command load nothing of oclif: `exec` is the hot path. Every other one, and help, does. */
async function main(argv: readonly string[]): Promise<number> {
  const [verb] = argv;
  if (verb === 'exec') return runExec(exactWords(argv).slice(1), () => runOclif(['exec', '--help']));
  if (verb === 'hook') return runHook(exactWords(argv).slice(1));
  if (verb === 'supervise') return supervise();
  if (verb === '__complete') return complete(argv.slice(1));
  return runOclif(argv);
}

async function runHook(words: readonly Word[]): Promise<number> {
  const hook = await import('./cli/run-hook.ts');
  return hook.runHook(words, () => runOclif(['hook', '--help']));
}

/** What `exec --detach` starts in the background; no verb for people. */
async function supervise(): Promise<number> {
  const supervisor = await import('./cli/supervise.ts');
  return supervisor.supervise(startExecution);
}

/** What the completion of a shell asks; no verb for people. */
async function complete(words: readonly string[]): Promise<number> {
  const completion = await import('./cli/complete.ts');
  return completion.complete(words, startExecution);
}

async function runOclif(argv: readonly string[]): Promise<number> {
  // oclif looks at these as soon as it is loaded, and complains of them or fails; none of our verbs needs them there.
  if (!hasDirectory()) process.chdir('/');
  const { env } = process;
  const { DEBUG: debug, HOME: home } = env;
  delete env['DEBUG'];
  env['HOME'] ??= '/';
  const oclif = await import('./cli/oclif.ts');
  if (debug !== undefined) env['DEBUG'] = debug;
  if (home === undefined) delete env['HOME'];
  return oclif.runOclif(argv);
}

/** Whether the directory we were started in is still there. */
function hasDirectory(): boolean {
  try {
    process.cwd();
    return true;
  } catch {
    return false;
  }
}

// If nothing is left to wait for before we know how it ended, that is no success.
process.exitCode = EXIT.connectionLost;

main(process.argv.slice(2)).then(
  // All output is written by now; what is still open (our standard input, a watchdog) must not hold us.
  (code) => process.exit(code),
  (error: unknown) => {
    sayError(internalError(error).toInfo());
    process.exit(EXIT.notStarted);
  },
);
