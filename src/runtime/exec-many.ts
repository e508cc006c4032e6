import type { Word } from '../model/request.ts';
import { isLxcriError } from '../model/errors.ts';
import { exitCodeOfSignal } from '../model/exit-codes.ts';
import { internalError } from '../model/internal-error.ts';
import type { ManyResult } from '../model/many.ts';
import { SCHEMA_VERSION } from '../model/result.ts';
import { checkExecution, startExecution } from '../oci/execution.ts';
import type { HostInventory } from '../oci/locate.ts';
import { startMany } from '../oci/many/many.ts';
import { checkExec } from './check-exec.ts';
import type { CheckedExec } from './check-exec.ts';
import type { ExecOptions } from './exec-options.ts';
import { checkNames, checkOption, shown, usageError } from './usage.ts';

/** How to run a command in several containers; everything is optional, and means what it does for one. */
export interface ExecManyOptions
  extends Pick<
    ExecOptions,
    | 'env'
    | 'workdir'
    | 'user'
    | 'privileged'
    | 'maxOutputBytes'
    | 'timeoutMs'
    | 'killAfterMs'
    | 'signal'
    | 'methods'
    | 'node'
  > {
  /** Default `capture`: into the result of each target. */
  readonly stdout?: 'capture' | 'ignore' | undefined;
  /** Default `capture`. */
  readonly stderr?: 'capture' | 'ignore' | undefined;
}

const NAMES: readonly (keyof ExecManyOptions)[] = [
  'env',
  'workdir',
  'user',
  'privileged',
  'stdout',
  'stderr',
  'maxOutputBytes',
  'timeoutMs',
  'killAfterMs',
  'signal',
  'methods',
  'node',
];

/** A call of `execMany` that can be carried out. */
export interface CheckedMany extends CheckedExec {
  readonly targets: readonly string[];
}

/**
 * Checks what a program asks for, and completes it.
 *
 * @throws LxcriError `UsageError`, or `MissingCommand`.
 */
export function checkExecMany(targets: unknown, command: unknown, options: ExecManyOptions): CheckedMany {
  if (!Array.isArray(targets) || targets.length === 0)
    throw usageError(
      `the containers are ${Array.isArray(targets) ? 'an empty array' : shown(targets)}`,
      "name one or more: ['101', 'lxc:web']",
    );
  checkNames(options, NAMES);
  const isMode = (value: unknown): boolean => value === 'capture' || value === 'ignore';
  checkOption('stdout', options.stdout, isMode, 'one of: capture, ignore');
  checkOption('stderr', options.stderr, isMode, 'one of: capture, ignore');
  const [checked] = targets.map((target: unknown) => checkExec(target, command, options));
  return { ...(checked as CheckedExec), targets: [...(targets as string[])] };
}

/** Runs what was checked; never rejects for anything that a user or a container can cause. */
export async function execMany(inventory: HostInventory, call: CheckedMany): Promise<ManyResult> {
  const { signal } = call.options;
  let targets: readonly string[];
  try {
    targets = (await Promise.all(call.targets.map((target) => targetsOfOne(target, signal)))).flat();
  } catch (thrown) {
    if (signal?.aborted === true) return nothing(exitCodeOfSignal('SIGTERM'), null);
    const error = isLxcriError(thrown) ? thrown : internalError(thrown);
    return nothing(error.exitCode, error.toInfo());
  }
  return run(inventory, call.command, call, targets);
}

async function run(
  inventory: HostInventory,
  command: readonly Word[],
  { env, user, options, methods, preferredMethods, stdout, stderr }: CheckedMany,
  targets: readonly string[],
): Promise<ManyResult> {
  const { workdir, privileged, maxOutputBytes, timeoutMs, killAfterMs, node, signal } = options;
  const mode = (given: string): 'capture' | 'ignore' => (given === 'ignore' ? 'ignore' : 'capture');
  const execution = startMany(
    inventory,
    {
      targets,
      command,
      options: {
        env,
        user,
        workdir,
        privileged,
        maxOutputBytes,
        timeoutMs,
        killAfterMs,
        methods,
        preferredMethods,
        node,
        stdout: mode(stdout),
        stderr: mode(stderr),
      },
    },
    { check: checkExecution, start: startExecution },
  );
  const cancel = (): void => execution.signal('SIGTERM');
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await execution.result;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** A workload of Kubernetes stands for its pods. */
async function targetsOfOne(target: string, abort: AbortSignal | undefined): Promise<readonly string[]> {
  if (!/^k8s:.*:/.test(target)) return [target];
  const { targetsOf } = await import('../oci/targets.ts');
  const selector = { resource: target, namespace: undefined, tasks: [], containers: [] };
  return targetsOf(selector, { forTerminal: false, abort });
}

function nothing(exitCode: number, error: ManyResult['error']): ManyResult {
  return { schemaVersion: SCHEMA_VERSION, exitCode, results: [], error };
}
