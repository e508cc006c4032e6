import { PassThrough, Writable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import { passwdEntry } from '../../docker/passwd.ts';
import type { Container } from '../../model/container.ts';
import type { CommandStream, DockerAccess } from '../../model/engine.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ExecRequest } from '../../model/request.ts';
import { isShellVariableName } from '../../model/rules.ts';
import type { Session } from '../../model/session.ts';
import { ProcessTree, TAG_VARIABLE } from '../../process/tree.ts';
import { startWatchdog } from '../../process/watchdog.ts';
import type { Watchdog } from '../../process/watchdog.ts';
import { terminalInput } from '../../terminal/input.ts';
import { NotStartedError } from '../method.ts';
import { ControlInside } from './control.ts';
import { createExecution, lookAt, makesSizedTerminals, resizeTerminal, startExecution } from './execution.ts';
import type { ExecutionSpec, ExecutionState } from './execution.ts';
import { refusedExecution, startFailure } from './failures.ts';
import { CommandOutput } from './output.ts';
import { refusalOfPodman } from './podman-refusal.ts';
import { DockerSession } from './session.ts';
import type { CommandProcesses } from './session.ts';

/** After our sudden death the engine may still be about to start the command: so often it is looked for, 50 ms apart. */
const WATCHDOG_LOOKS = 60;

/**
 * Starts the request's command.
 *
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startInDocker(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  const { docker } = container;
  if (docker === undefined) throw new NotStartedError('no Docker engine is known for it');
  const control = new ControlInside({
    engine: docker.engine,
    container,
    execId: request.id,
    user: userOf(request) ?? docker.user,
    privileged: request.privileged,
  });
  const isHere = docker.initPid !== undefined;
  const proven = !isHere && request.needsTreeKill;
  if (proven && !(await control.isPossible())) {
    throw new NotStartedError(
      'the command could not be ended: the engine is not of this host (or we are not root), and the container has no /bin/sh with grep that its user can use',
    );
  }
  const spec = await specOf(container, docker, request, abort);
  const attempt: Attempt = { container, docker, request, abort, control, proven, isHere, watchdog: undefined };
  try {
    const isSized = request.terminal === undefined || makesSizedTerminals(docker.engine);
    return await (isSized || !isKeptByShells([...docker.env, ...spec.env])
      ? startOnce(attempt, spec)
      : startWithSize(attempt, spec));
  } catch (error) {
    await attempt.watchdog?.dismiss();
    throw error;
  }
}

interface Attempt {
  readonly container: Container;
  readonly docker: DockerAccess;
  readonly request: ExecRequest;
  readonly abort: AbortSignal;
  readonly control: ControlInside;
  readonly proven: boolean;
  /** Whether its processes are of this host. */
  readonly isHere: boolean;
  /** From the moment on in which the command may start. */
  watchdog: Watchdog | undefined;
}

/** For engines that make a terminal of no size: it is set before the command can look at it, where there is a shell. */
const SIZE_SCRIPT = `stty rows "$1" cols "$2" 2>/dev/null; shift 2; exec "$@"`;

/** @param entries `KEY=VALUE` of an environment that a shell would hand on. */
function isKeptByShells(entries: readonly string[]): boolean {
  return entries.every((entry) => isShellVariableName(entry.split('=', 1)[0] ?? ''));
}

async function startWithSize(attempt: Attempt, spec: ExecutionSpec): Promise<Session> {
  const { columns, rows } = attempt.request.terminal ?? { columns: 80, rows: 24 };
  try {
    const words = ['/bin/sh', '-c', SIZE_SCRIPT, 'sh', String(rows), String(columns), ...spec.words];
    return await startOnce(attempt, { ...spec, words });
  } catch (error) {
    if (!isLxcriError(error) || (error.code !== 'CommandNotFound' && error.code !== 'CommandNotExecutable'))
      throw error;
    // Nothing has run: the container has no shell.
    return startOnce(attempt, spec);
  }
}

async function specOf(
  { id }: Container,
  { engine, user: ownUser, env: ownEnv }: DockerAccess,
  request: ExecRequest,
  abort: AbortSignal,
): Promise<ExecutionSpec> {
  const { user, terminal, workdir, privileged } = request;
  const wanted = user?.user ?? ownUser.split(':')[0] ?? '';
  const isLogin = request.command.length === 0;
  // The engine knows groups and homes; names of numbers, and login shells, are not among what it sets.
  const isNumber = /^\d+$/.test(wanted) && wanted !== '0';
  const entry = isLogin || isNumber ? await passwdEntry(engine, id, wanted || '0', abort) : undefined;
  const name = entry?.name ?? (isNumber ? '' : wanted === '' || wanted === '0' ? 'root' : wanted);
  const env = new Map([[TAG_VARIABLE, request.id]]);
  const defaults = { USER: name, LANG: 'C.UTF-8', container: 'docker' };
  for (const [key, value] of Object.entries(defaults))
    if (!ownEnv.some((each) => each.startsWith(`${key}=`))) env.set(key, value);
  if (terminal !== undefined) env.set('TERM', terminal.type);
  for (const [key, value] of request.env) env.set(key, value);
  return {
    words: isLogin ? [entry?.shell || '/bin/sh', '-l'] : request.command.map(String),
    env: [...env].map(([key, value]) => `${key}=${value}`),
    user: userOf(request),
    workdir,
    privileged,
    stdin: hasInput(request),
    terminal,
  };
}

/** Who a request names, in the engine's form. */
function userOf({ user }: ExecRequest): string | undefined {
  return user === undefined ? undefined : `${user.user}${user.group === undefined ? '' : `:${user.group}`}`;
}

async function startOnce(attempt: Attempt, spec: ExecutionSpec): Promise<Session> {
  const { container, docker, request, abort, isHere } = attempt;
  const { engine } = docker;
  const making = createExecution(engine, container.id, spec, abort).catch((error: unknown) => {
    // Nothing runs by that alone.
    if (isLxcriError(error) && error.code === 'ConnectionLost')
      throw new LxcriError('PlatformUnreachable', error.message, error.hint, { cause: error });
    throw error;
  });
  making.catch(() => {});
  // By then it was asked for. The milliseconds that a process takes pass while the engine makes it.
  await nextTurn();
  if (isHere) attempt.watchdog ??= startWatchdog(request.id, undefined, undefined, request.guard, WATCHDOG_LOOKS);
  const made = await making;
  if ('refused' in made) throw refusal(made.refused, attempt);
  if (abort.aborted) throw new NotStartedError('canceled');
  let started: Awaited<ReturnType<typeof startExecution>>;
  const askedAt = Date.now();
  try {
    const answer = startExecution(engine, made.id, spec.terminal);
    // While the engine starts it: for what is asked while that connection carries the command.
    engine.warmUp();
    started = await answer;
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    if (error.code !== 'ConnectionLost') throw new NotStartedError(error.message);
    return afterLostAnswer(attempt, made.id, error.message);
  }
  if (!('stream' in started)) {
    // It has run what it was asked to, and the way for its streams is missing: a proxy between, perhaps.
    if (started.status >= 200 && started.status < 300)
      return afterLostAnswer(attempt, made.id, `the way there carries no streams (status ${started.status}; a proxy?)`);
    throw refusal(started, attempt);
  }
  return awaitStart(attempt, made.id, started, spec.terminal, askedAt);
}

function refusal(answer: Parameters<typeof refusedExecution>[0], { container, request }: Attempt): Error {
  const error = refusedExecution(answer, container);
  // Some engines look before they start.
  return error instanceof NotStartedError ? startFailure(error.message, request) : error;
}

/** An engine that takes longer than this to start a command, or to say so, is given up. */
const START_DEADLINE_MS = 60_000;
/** The same, once nobody waits any more. */
const ABORT_GRACE_MS = 10_000;
/** The same, where it may not even have been asked. */
const LOST_GRACE_MS = 10_000;

/** Pauses between looks, until the engine says that the command runs. */
const FIRST_PAUSE_MS = 30;
const PAUSE_MS = 15;
const LAST_PAUSE_MS = 100;

async function awaitStart(
  attempt: Attempt,
  id: string,
  { stream, mayBeReset }: CommandStream,
  terminal: ExecutionSpec['terminal'],
  askedAt: number,
): Promise<Session> {
  const { container, docker, request, abort } = attempt;
  const { engine } = docker;
  const parts: { session?: DockerSession } = {};
  const output = new CommandOutput(stream, {
    framed: terminal === undefined,
    stdout: request.stdout.kind !== 'null',
    stderr: request.stderr.kind !== 'null',
    mayBeReset,
    onUnread: () => parts.session?.breakPipe(),
  });
  const state = await firstState(attempt, id, output);
  const refuse = (words: string): never => {
    output.close();
    throw startFailure(words, request);
  };
  if (state.kind === 'never-started') return refuse(await output.refusal());
  if (state.kind === 'gone' || state.kind === 'unclear' || state.kind === 'pending') {
    const reason = state.kind === 'pending' ? 'the engine does not say whether it has started' : state.reason;
    output.open();
    if (abort.aborted || state.kind !== 'gone') output.close();
    parts.session = sessionOf(attempt, id, output, stream, processesUnclear(attempt, reason));
    return parts.session;
  }
  const exitCode = state.kind === 'ended' ? state.exitCode : undefined;
  if (state.kind === 'ended' && !state.hadProcess) {
    const execution = { engine, containerId: container.id, id, askedAt, isHere: attempt.isHere };
    const words = await refusalOfPodman(execution, state.exitCode, output);
    if (words !== undefined) return refuse(words);
  }
  if (terminal !== undefined && !makesSizedTerminals(engine) && state.kind === 'running')
    await resizeTerminal(engine, id, terminal.columns, terminal.rows);
  const processes = processesOf(attempt, state);
  parts.session = sessionOf(attempt, id, output, stream, processes, exitCode);
  output.open();
  return parts.session;
}

/** Asks until it is known whether the command has started. */
async function firstState(
  { docker, abort }: Attempt,
  id: string,
  output: CommandOutput,
  deadlineMs = START_DEADLINE_MS,
): Promise<ExecutionState> {
  const begin = Date.now();
  let end = Number.POSITIVE_INFINITY;
  const limit = (): number => Math.min(end, begin + (abort.aborted ? ABORT_GRACE_MS : deadlineMs));
  await Promise.race([output.stirred, sleep(FIRST_PAUSE_MS, undefined, { ref: false })]);
  const isOver = { yes: false };
  const ended = output.over.then(() => {
    isOver.yes = true;
    // Its output has ended: the engine knows by now, or never.
    end = Date.now() + LOST_GRACE_MS;
  });
  for (let pause = PAUSE_MS; ; pause = Math.min(pause * 1.5, LAST_PAUSE_MS)) {
    let state: ExecutionState;
    try {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      state = await lookAt(docker.engine, id, AbortSignal.timeout(ABORT_GRACE_MS));
    } catch (error) {
      return { kind: 'gone', reason: isLxcriError(error) ? error.message : 'the engine does not answer' };
    }
    if (state.kind !== 'pending' || Date.now() > limit()) return state;
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    await (isOver.yes ? sleep(pause) : Promise.race([ended, sleep(pause)]));
  }
}

function processesOf(
  { docker, request, control, proven }: Attempt,
  state: Extract<ExecutionState, { kind: 'running' | 'ended' }>,
): CommandProcesses {
  const { initPid } = docker;
  if (initPid === undefined) return { kind: 'inside', control, proven };
  // One that has ended is found by its marks alone, if something of it is left.
  const pid = state.kind === 'running' ? state.pid : 0;
  return { kind: 'host', tree: ProcessTree.ofCommand(request.id, pid, initPid) };
}

function sessionOf(
  { docker, request, watchdog }: Attempt,
  id: string,
  output: CommandOutput,
  stream: CommandStream['stream'],
  processes: CommandProcesses,
  exitCode?: number,
): DockerSession {
  const hasTerminal = request.terminal !== undefined;
  const input = hasInput(request) ? inputOf(stream) : null;
  const stdin = input !== null && hasTerminal ? terminalInput(input) : input;
  return new DockerSession({ engine: docker.engine, id, processes, output, stdin, hasTerminal, watchdog, exitCode });
}

/**
 * An engine that was asked to start a command, and whose answer was lost: the command may run, or be about to. What it has
 * written is lost, so that it is only followed to be ended.
 */
async function afterLostAnswer(attempt: Attempt, id: string, reason: string): Promise<Session> {
  const stream = new PassThrough();
  const output = new CommandOutput(stream, {
    framed: true,
    stdout: true,
    stderr: true,
    mayBeReset: false,
    onUnread: () => {},
  });
  stream.destroy(new Error(reason));
  const state = await firstState(attempt, id, output, LOST_GRACE_MS);
  if (state.kind === 'never-started')
    throw new NotStartedError(`the engine could not start the command, and ${reason}`);
  const isKnown = state.kind === 'running' || state.kind === 'ended';
  output.open();
  return sessionOf(
    attempt,
    id,
    output,
    stream,
    isKnown ? processesOf(attempt, state) : processesUnclear(attempt, reason),
  );
}

function processesUnclear({ control, docker, request }: Attempt, reason: string): CommandProcesses {
  const tree = docker.initPid === undefined ? undefined : ProcessTree.ofCommand(request.id, 0, docker.initPid);
  return { kind: 'unknown', control, tree, reason };
}

/** A terminal has an input in any case, and says its end only if it is told to. */
function hasInput({ stdin, terminal }: ExecRequest): boolean {
  return stdin.kind !== 'null' || terminal !== undefined;
}

/** So much input may wait for the engine: with less, it and whoever gives it wait for each other in turn. */
const INPUT_BYTES = 512 * 1024;

/** The input of a command: its end closes one side of the connection, and nothing closes the other. */
function inputOf(stream: CommandStream['stream']): Writable {
  return new Writable({
    highWaterMark: INPUT_BYTES,
    write: (chunk: Buffer, _encoding, done) => void stream.write(chunk, () => done()),
    writev: (chunks, done) => {
      const last = chunks.length - 1;
      stream.cork();
      chunks.forEach(({ chunk }, index) => void stream.write(chunk, index === last ? () => done() : () => {}));
      stream.uncork();
    },
    final: (done) => void stream.end(() => done()),
  });
}
