import { spawn } from 'node:child_process';
import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';

import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest, Word } from '../../model/request.ts';
import type { Session, SessionExit } from '../../model/session.ts';
import { helperEnvironment } from '../../process/executable.ts';
import { ProcessTree, TAG_VARIABLE } from '../../process/tree.ts';
import { openUnnamedFile } from '../../process/unnamed-file.ts';
import { startWatchdog } from '../../process/watchdog.ts';
import { restoreTerminal, saveTerminal } from '../../terminal/device.ts';
import { NotStartedError } from '../method.ts';
import { spawnArguments } from './argv.ts';
import { CARRIER_PREFIX, LOOKUP_SCRIPT, RUN_SCRIPT } from './container-script.ts';
import { readMessages } from './messages.ts';
import { spawnInPty } from './pty.ts';
import { AttachedSession, helperOf } from './session.ts';
import type { Helper } from './session.ts';
import { childStdio } from './stdio.ts';
import type { ChildStdio } from './stdio.ts';
import { parseLookup } from './user-lookup.ts';
import type { ResolvedUser } from './user-lookup.ts';

/** How a program that attaches to containers is called. */
export interface Attacher {
  readonly file: string;
  /**
   * Its arguments up to and including the `--` before the command.
   *
   * @param variables names of variables in its environment that are to reach the command.
   */
  readonly args: (variables: readonly string[], extraOptions: readonly string[]) => string[];
}

/** Thrown when the container has no /bin/sh that our scripts can run in. */
export class NoShellError extends Error {}

/** How to start the command: everything but the request's own words. */
export interface AttachPlan {
  readonly attacher: Attacher;
  /** Options of the attaching program that change the user. */
  readonly extraOptions: readonly string[];
  /** Words inside the container before the script's shell. */
  readonly prefix: readonly Word[];
  readonly user: ResolvedUser | undefined;
}

/**
 * Starts the request's command through the container's own shell.
 *
 * @throws NoShellError when the container has no /bin/sh.
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startWithShell(plan: AttachPlan, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  const carriers: Record<string, string> = { [TAG_VARIABLE]: request.id };
  [...request.env].forEach(([key, value], index) => (carriers[`${CARRIER_PREFIX}${index}`] = `${key}=${value}`));
  const login = request.command.length > 0 ? '' : (plan.user?.shell ?? 'login');
  const words: Word[] = [
    ...plan.attacher.args(Object.keys(carriers), plan.extraOptions),
    ...plan.prefix,
    '/bin/sh',
    '-c',
    RUN_SCRIPT,
    'sh',
    request.id,
    request.workdir ?? '',
    plan.user?.home ?? '',
    plan.user?.name ?? '',
    login,
    request.terminal?.type ?? '',
    ...request.command,
  ];
  const launched = await launch({
    attacher: plan.attacher,
    words,
    environment: carriers,
    request,
    channel: true,
    holdStderr: false,
  });
  return awaitStart(launched, request, abort);
}

/**
 * Starts the request's command without any shell in the container. What needs one was refused by the caller.
 *
 * @param environment what the command's environment is to hold.
 */
export async function startDirectly(
  attacher: Attacher,
  extraOptions: readonly string[],
  environment: Record<string, string>,
  request: ExecRequest,
): Promise<Session> {
  const log = openUnnamedFile();
  const logOptions = ['-o', log.path, ...extraOptions];
  const words = [...attacher.args(Object.keys(environment), logOptions), ...request.command];
  try {
    const launched = await launch({ attacher, words, environment, request, channel: false, holdStderr: true });
    const judgeExit = (exitCode: number): SessionExit => {
      const failure = attachFailure(log.read(), request);
      log.close();
      return failure === undefined
        ? { kind: 'exited', exitCode, signal: null }
        : { kind: 'not-started', error: failure };
    };
    return new AttachedSession({ ...launched.parts, judgeExit, stderr: withoutAttachMessage(launched.parts.stderr) });
  } catch (error) {
    log.close();
    throw error;
  }
}

/**
 * Looks up a user in the container.
 *
 * @throws NoShellError, NotStartedError, LxcriError `UserNotFound`
 */
export async function lookUpUser(
  attacher: Attacher,
  request: ExecRequest,
  abort: AbortSignal,
): Promise<ResolvedUser | undefined> {
  if (request.user === undefined) return undefined;
  const environment = { [TAG_VARIABLE]: request.id };
  const words = [
    ...attacher.args([TAG_VARIABLE], []),
    '/bin/sh',
    '-c',
    LOOKUP_SCRIPT,
    'sh',
    request.user.user,
    request.user.group ?? '',
  ];
  const silent: ExecRequest = {
    ...request,
    terminal: undefined,
    stdin: { kind: 'null' },
    stdout: { kind: 'null' },
    stderr: { kind: 'null' },
  };
  const { parts, channel } = await launch({
    attacher,
    words,
    environment,
    request: silent,
    channel: true,
    holdStderr: false,
  });
  const lines: string[] = [];
  const stop = (): void => void parts.tree.kill().then(() => parts.helper.kill('SIGKILL'));
  abort.addEventListener('abort', stop);
  const ended = channel === undefined ? undefined : readMessages(channel, (line) => lines.push(line));
  const { code } = await parts.helper.ended;
  await Promise.race([ended, delay(CHANNEL_GRACE_MS)]);
  abort.removeEventListener('abort', stop);
  parts.watchdog.dismiss();
  channel?.destroy();
  if (abort.aborted) throw new NotStartedError('canceled');
  if (lines.length === 0) throw notStarted(code, attacher);
  return parseLookup(lines, request.user);
}

/** How long after the program's end a message may still be on its way. */
const CHANNEL_GRACE_MS = 200;

interface Launch {
  readonly attacher: Attacher;
  readonly words: readonly Word[];
  /** Secrets among it: it is inherited, and never becomes an argument. */
  readonly environment: Record<string, string>;
  readonly request: ExecRequest;
  /** Whether a script in the container is to speak to us on descriptor 3. */
  readonly channel: boolean;
  readonly holdStderr: boolean;
}

interface Launched {
  readonly parts: ConstructorParameters<typeof AttachedSession>[0];
  readonly channel: Readable | undefined;
}

async function launch(options: Launch): Promise<Launched> {
  const { request } = options;
  const env = helperEnvironment(options.environment);
  const { file, args } = spawnArguments(options.attacher.file, options.words);
  const judgeExit = (exitCode: number): SessionExit => ({ kind: 'exited', exitCode, signal: null });
  if (request.terminal !== undefined && !isOurTerminal(request)) {
    const pty = await spawnInPty({ file, args, env, terminal: request.terminal, channel: options.channel });
    const tree = new ProcessTree(request.id, pty.helper.pid, true);
    const watchdog = startWatchdog(request.id, pty.helper.pid);
    const { helper, channel, stdin, stdout, resize } = pty;
    return {
      channel,
      parts: { helper, tree, watchdog, stdin, stdout, stderr: null, resize, restoreTerminal: nothing, judgeExit },
    };
  }
  const onTerminal = request.terminal !== undefined;
  const saved = onTerminal ? saveTerminal(TERMINAL_FD) : undefined;
  const stdio = await childStdio(request, { passTerminals: onTerminal, holdStderr: options.holdStderr });
  const { helper, channel } = await spawnHelper({ file, args }, env, stdio, options.channel, !onTerminal);
  return {
    channel,
    parts: {
      helper,
      judgeExit,
      tree: new ProcessTree(request.id, helper.pid, !onTerminal),
      watchdog: startWatchdog(request.id, onTerminal ? undefined : helper.pid, saved),
      stdin: stdio.stdin,
      stdout: stdio.stdout,
      stderr: stdio.stderr,
      // The kernel tells a program on our own terminal of its new size.
      resize: nothing,
      restoreTerminal: () => saved !== undefined && restoreTerminal(TERMINAL_FD, saved),
    },
  };
}

const TERMINAL_FD = 0;

/** Whether the attaching program can work on our own terminal, as it is made to. */
function isOurTerminal({ stdin, stdout }: ExecRequest): boolean {
  return (
    stdin.kind === 'descriptor' &&
    stdin.fd === TERMINAL_FD &&
    isatty(stdin.fd) &&
    stdout.kind === 'descriptor' &&
    isatty(stdout.fd)
  );
}

async function spawnHelper(
  { file, args }: { file: string; args: string[] },
  env: Record<string, string>,
  stdio: ChildStdio,
  withChannel: boolean,
  detached: boolean,
): Promise<{ helper: Helper; channel: Readable | undefined }> {
  try {
    // lxc-attach changes to the caller's directory if the container has one of that name, so it is started in /.
    // On a terminal it stays in our session and process group, else the terminal would stop it.
    const child = spawn(file, args, {
      cwd: '/',
      env,
      detached,
      stdio: [...stdio.fds, ...(withChannel ? ['pipe' as const] : [])],
    });
    if (child.pid === undefined) throw await new Promise<Error>((resolve) => child.on('error', resolve));
    const channel = (child.stdio[3] as Readable | null | undefined) ?? undefined;
    return { helper: helperOf(child, child.pid), channel };
  } catch (error) {
    stdio.destroy();
    throw spawnFailure(error as NodeJS.ErrnoException, file);
  } finally {
    stdio.closeChildEnds();
  }
}

function spawnFailure(error: NodeJS.ErrnoException, file: string): Error {
  if (error.code !== 'E2BIG') return new NotStartedError(`cannot run ${file}: ${error.code ?? error.message}`);
  return new LxcriError(
    'UsageError',
    'the command and its environment are too long for the kernel',
    'pass the data on standard input',
  );
}

/** Waits until the script says that the command starts; what else it says is why it does not. */
async function awaitStart({ parts, channel }: Launched, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  if (channel === undefined) throw new Error('a start needs a channel');
  const session = new AttachedSession(parts);
  let message: string | undefined;
  const said = new Promise<void>((resolve) => {
    const ended = readMessages(channel, (line) => {
      message ??= line;
      resolve();
    });
    void ended.then(() => parts.helper.ended).then(() => resolve());
  });
  const ended = parts.helper.ended.then(() => delay(CHANNEL_GRACE_MS));
  const aborted = new Promise<void>((resolve) =>
    abort.aborted ? resolve() : abort.addEventListener('abort', () => resolve()),
  );
  await Promise.race([said, ended, aborted]);
  channel.destroy();
  if (message === 'started') {
    // Found now, while it certainly is a child of the attaching program.
    void parts.tree.commandPid;
    return session;
  }
  const helperRuns = message === undefined && abort.aborted;
  if (helperRuns) parts.helper.kill('SIGKILL');
  await session.kill();
  await session.release();
  for (const stream of [parts.stdin, parts.stdout, parts.stderr]) stream?.destroy();
  if (helperRuns) throw new NotStartedError('canceled');
  if (message === undefined) {
    const { code } = await parts.helper.ended;
    throw notStarted(code, undefined);
  }
  throw refusal(message, request);
}

/** `execvp` in the attaching program fails with 126 or 127 when there is no shell for our script. */
function notStarted(code: number | null, attacher: Attacher | undefined): Error {
  if (code === 126 || code === 127) return new NoShellError('the container has no /bin/sh');
  return new NotStartedError(
    `${attacher?.file ?? 'the attaching program'} ended before the command started (exit code ${code ?? 'unknown'})`,
  );
}

/** What a message of RUN_SCRIPT other than `started` means. */
function refusal(message: string, request: ExecRequest): Error {
  const [kind] = message.split(' ');
  const word = JSON.stringify(textOf(request.command[0] ?? ''));
  const directory = JSON.stringify(request.workdir ?? '');
  switch (kind) {
    case 'not-found':
      return commandNotFound(word);
    case 'not-executable':
      return commandNotExecutable(word);
    case 'workdir-missing':
      return new LxcriError(
        'WorkdirNotFound',
        `no directory ${directory} in the container`,
        'create it first, or choose another with --workdir',
      );
    case 'workdir-denied':
      return new LxcriError(
        'WorkdirNotFound',
        `the user may not enter ${directory} in the container`,
        'choose another --workdir or --user',
      );
    case 'env-refused':
      return new LxcriError(
        'UsageError',
        "the container's shell does not let one of the variables UID, EUID, PPID, SHELLOPTS, BASHOPTS be set",
        'rename the variable',
      );
    default:
      return new NotStartedError('the container gave an answer that is not understood');
  }
}

function commandNotFound(word: string): LxcriError {
  return new LxcriError(
    'CommandNotFound',
    `no command ${word} in the container`,
    'check its name, and PATH with -e PATH=...',
  );
}

function commandNotExecutable(word: string): LxcriError {
  return new LxcriError(
    'CommandNotExecutable',
    `${word} cannot be executed in the container`,
    'check its permissions and that it is a program',
  );
}

/**
 * Reads LXC's log (format and texts measured on 5.0.2): the command could not be executed, or the container not entered.
 */
function attachFailure(log: string, request: ExecRequest): LxcriError | undefined {
  const word = JSON.stringify(textOf(request.command[0] ?? ''));
  if (/ - No such file or directory - Failed to exec "/.test(log)) return commandNotFound(word);
  if (/ - Failed to exec "/.test(log)) return commandNotExecutable(word);
  if (/Failed to get (init pid|attach context)/.test(log))
    return new LxcriError('ContainerNotRunning', 'the container stopped before the command started');
  return undefined;
}

/** Drops the line that lxc-attach itself writes when it cannot execute the command; our error says it. */
function withoutAttachMessage(stderr: Readable | null): Readable | null {
  if (stderr === null) return null;
  return stderr.pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        done(
          null,
          /^lxc-attach: \S+: \S+\.c: \w+: \d+ .*Failed to exec "/.test(chunk.toString('latin1')) ? undefined : chunk,
        );
      },
    }),
  );
}

function textOf(word: Word): string {
  return typeof word === 'string' ? word : Buffer.from(word).toString('utf8');
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function nothing(): void {}
