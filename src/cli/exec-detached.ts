import { fstatSync } from 'node:fs';

import type { Settings } from '../config/keys.ts';
import { LxcriError } from '../model/errors.ts';
import { SCHEMA_VERSION } from '../model/result.ts';
import { SIGNALS } from '../oci/detached/control.ts';
import type { DetachedSignal } from '../oci/detached/control.ts';
import type { ClusterAccess } from '../oci/detached/handover.ts';
import { startDetached } from '../oci/detached/start.ts';
import { ExecutionStore } from '../oci/detached/store.ts';
import type { HostInventory } from '../oci/locate.ts';
import { newExecutionId, newResult } from '../oci/new-result.ts';
import { say, sayError } from './messages.ts';
import type { ExecWords } from './parse-exec.ts';
import { printDocument, printText } from './print-document.ts';
import type { ExecCall } from './exec-call.ts';

/**
 * `exec --detach`: has a supervisor start the command, and prints the execution's id. What went wrong before the start is
 * told as in the foreground.
 *
 * @returns the exit code.
 */
export async function execDetached(
  call: ExecCall,
  flags: ExecWords['flags'],
  inventory: HostInventory,
): Promise<number> {
  refuse(flags);
  const { container: target, command, settings, json, verbose } = call;
  const { env, workdir, user, privileged, timeoutMs, killAfterMs, methods, preferredMethods, node, waitForAgentMs } =
    call.options;
  const asked = flags.has('max-output') ? call.options.maxOutputBytes : undefined;
  const maxOutputBytes = asked ?? settings['detached.maxOutput'];
  const request = {
    id: newExecutionId(),
    directory: ExecutionStore.below(settings.stateDirectory).directory,
    keepMs: settings['detached.keep'],
    inventory,
    ...(inventory.clusters === undefined ? {} : { clusters: clusterAccess(settings, flags) }),
    environment: variables(process.env),
    target,
    command,
    options: {
      env,
      workdir,
      user,
      privileged,
      timeoutMs,
      killAfterMs,
      maxOutputBytes,
      methods,
      preferredMethods,
      node,
      waitForAgentMs,
    },
  };
  const answer = await startDetached(process.argv[1] ?? '', request, passSignals);
  if (answer.kind === 'not-started') {
    const { result } = answer;
    if (json) return printDocument(result, result.exitCode, `the exit code is ${result.exitCode}`);
    if (result.error !== null) sayError(result.error);
    return result.exitCode;
  }
  const { container, method, startedAt } = answer;
  if (verbose) say(`execution ${request.id} in ${container.platform}:${container.id} was started by ${method}`);
  // Where the id cannot be printed, the message is all that is left of it.
  const rest = `execution ${request.id} was started`;
  const shown = newResult(request.id, command, new Date(startedAt));
  return json
    ? printDocument(
        {
          schemaVersion: SCHEMA_VERSION,
          id: request.id,
          container,
          method,
          command: shown.command,
          startedAt,
          error: null,
        },
        0,
        rest,
      )
    : printText(`${request.id}\n`, 0, rest);
}

function clusterAccess({ stateDirectory }: Settings, flags: ExecWords['flags']): ClusterAccess {
  const context = flags.get('context')?.at(-1);
  return { stateDirectory, ...(context === undefined ? {} : { context }) };
}

function variables(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** What a command that nobody waits for, without a terminal and without standard input, cannot be given. */
function refuse(flags: ExecWords['flags']): void {
  const withoutStreams = 'a detached command has no terminal and no standard input';
  if (flags.has('tty')) throw contradiction('--tty', withoutStreams);
  if (flags.has('stdin') && hasInput()) throw contradiction('--stdin', withoutStreams);
  for (const flag of ['lock', 'if-locked', 'lock-timeout'] as const)
    if (flags.has(flag)) throw contradiction(`--${flag}`, 'a lock is given back when this program ends');
  if (flags.has('only-on-failure')) throw contradiction('--only-on-failure', 'nobody waits for a detached command');
}

function contradiction(flag: string, why: string): LxcriError {
  return new LxcriError('UsageError', `--detach and ${flag} contradict each other: ${why}`, 'leave out one of them');
}

/** Whether there is something to be read: nobody loses anything by a /dev/null. */
function hasInput(): boolean {
  const { rdev } = fstatSync(0);
  return rdev !== DEV_NULL;
}

/** Major number 1, minor number 3 (null(4)). */
const DEV_NULL = 0x103;

/** Ctrl-C ends a start that takes long; once the command has started, it concerns only us. */
function passSignals(pass: (signal: DetachedSignal) => void): void {
  for (const signal of SIGNALS) if (signal !== 'SIGKILL') process.on(signal, () => pass(signal));
}
