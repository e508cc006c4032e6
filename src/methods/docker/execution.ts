import { oneLine, wordsOf } from '../../docker/failures.ts';
import type { CommandStream, Engine, EngineAnswer } from '../../model/engine.ts';
import { LxcriError } from '../../model/errors.ts';

/** What is asked of `POST /containers/{id}/exec`. */
export interface ExecutionSpec {
  readonly words: readonly string[];
  readonly env: readonly string[];
  readonly user: string | undefined;
  readonly workdir: string | undefined;
  readonly privileged: boolean;
  readonly stdin: boolean;
  readonly terminal: { readonly columns: number; readonly rows: number } | undefined;
}

/** From this version of its API on, an engine makes a terminal in its size (Docker Engine API 1.42: ConsoleSize). */
const CONSOLE_SIZE = [1, 42] as const;

/** Whether an engine makes a terminal in the size that is wanted, before the command can see it. */
export function makesSizedTerminals({ version: [major, minor] }: Engine): boolean {
  return major > CONSOLE_SIZE[0] || (major === CONSOLE_SIZE[0] && minor >= CONSOLE_SIZE[1]);
}

/**
 * Makes an execution; nothing runs yet.
 *
 * @returns its id, or how the engine refuses it.
 */
export async function createExecution(
  engine: Engine,
  containerId: string,
  spec: ExecutionSpec,
  abort?: AbortSignal,
): Promise<{ readonly id: string } | { readonly refused: EngineAnswer }> {
  const { terminal } = spec;
  const body = {
    AttachStdin: spec.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: terminal !== undefined,
    ...(terminal !== undefined && makesSizedTerminals(engine)
      ? { ConsoleSize: [terminal.rows, terminal.columns] }
      : {}),
    Env: spec.env,
    Cmd: spec.words,
    Privileged: spec.privileged,
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.workdir === undefined ? {} : { WorkingDir: spec.workdir }),
  };
  const answer = await engine.request('POST', `/containers/${containerId}/exec`, body, abort);
  const { Id: id } = (answer.body ?? {}) as { Id?: unknown };
  return answer.status === 201 && typeof id === 'string' ? { id } : { refused: answer };
}

/** Starts an execution, whose streams its connection then carries. What fails from here on may have started it. */
export function startExecution(
  engine: Engine,
  id: string,
  terminal: ExecutionSpec['terminal'],
): Promise<EngineAnswer | CommandStream> {
  const size =
    terminal !== undefined && makesSizedTerminals(engine) ? { ConsoleSize: [terminal.rows, terminal.columns] } : {};
  return engine.upgrade(`/exec/${id}/start`, { Detach: false, Tty: terminal !== undefined, ...size });
}

/** What an engine says of an execution. */
export type ExecutionState =
  /** Not started yet, or just about to. */
  | { readonly kind: 'pending' }
  /** It has a process, by the numbering of the engine's host. */
  | { readonly kind: 'running'; readonly pid: number }
  | {
      readonly kind: 'ended';
      readonly exitCode: number;
      /** Whether it is certain that there was a process; Podman does not say. */
      readonly hadProcess: boolean;
    }
  /** There has never been a process. */
  | { readonly kind: 'never-started' }
  | { readonly kind: 'gone'; readonly reason: string }
  /** What the engine says makes no sense. */
  | { readonly kind: 'unclear'; readonly reason: string };

/** What Docker calls the exit code when its connection to us breaks, even if the command runs on (moby, daemon/exec.go). */
export const BROKEN_ATTACH = 126;

/** The greatest exit code that there is. */
const LAST_EXIT_CODE = 255;

/** Looks at an execution. An exit code that is missing is never a 0. */
export async function lookAt(engine: Engine, id: string, abort?: AbortSignal): Promise<ExecutionState> {
  const answer = await engine.request('GET', `/exec/${id}/json`, undefined, abort);
  if (answer.status !== 200) return { kind: 'gone', reason: wordsOf(answer) };
  if (typeof answer.body !== 'object' || answer.body === null || Array.isArray(answer.body))
    return { kind: 'unclear', reason: 'the engine does not say how the command is' };
  const { Running: running, ExitCode: exitCode, Pid: pid, CanRemove: isOver } = answer.body as Record<string, unknown>;
  const hasPid = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0;
  if (running === true) return hasPid ? { kind: 'running', pid } : { kind: 'pending' };
  if (exitCode === undefined || exitCode === null) return { kind: 'pending' };
  if (typeof exitCode !== 'number' || !Number.isInteger(exitCode) || exitCode < 0 || exitCode > LAST_EXIT_CODE)
    return {
      kind: 'unclear',
      reason: `the engine gives an exit code that is none: ${oneLine(JSON.stringify(exitCode))}`,
    };
  // Podman forgets the process, and says 0 before there is one; Docker has nothing to remove, and no 0 without a process.
  if (hasPid || isOver === true) return { kind: 'ended', exitCode, hadProcess: hasPid };
  return { kind: exitCode === 0 ? 'pending' : 'never-started' };
}

/** Gives the terminal of an execution another size. */
export async function resizeTerminal(engine: Engine, id: string, columns: number, rows: number): Promise<boolean> {
  try {
    const { status } = await engine.request('POST', `/exec/${id}/resize?h=${rows}&w=${columns}`);
    return status === 200 || status === 201 || status === 204;
  } catch (error) {
    if (error instanceof LxcriError) return false;
    throw error;
  }
}
