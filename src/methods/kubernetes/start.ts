import { fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Container } from '../../model/container.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { ChannelEnd, PodAccess, PodChannel } from '../../model/pod.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { Session, SessionExit } from '../../model/session.ts';
import { timerSlackFor } from '../../process/timer-slack.ts';
import { CARRIER_PREFIX, RUN_MESSAGES, RUN_SCRIPT } from '../attach/container-script.ts';
import { refusal } from '../attach/failures.ts';
import { NotStartedError } from '../method.ts';
import { execError, refusedExecution, startError, startFailure } from './failures.ts';
import { execPath, frame, loaderWords } from './frame.ts';
import { Guard } from './guard.ts';
import { MarkedOutput } from './marked-output.ts';
import type { Announcement } from './marked-output.ts';
import { launcher, quoted } from './scripts.ts';
import { PodSession } from './session.ts';
import { podUser } from './user.ts';
import type { PodUser } from './user.ts';

/** A container that takes longer to start a command than this does not want to. */
const START_DEADLINE_MS = 60_000;
/** The same, once nobody waits any more. */
const ABORT_GRACE_MS = 10_000;

/** Major number 1, minor number 3 (null(4)). */
const DEV_NULL = 0x103;

/** What the loader exits with when it was not told what to run. */
const LOADER_FAILED = 125;

/** Why a command that must be ended with all its processes is not started. */
const UNWATCHED = {
  blind: 'the command could not be ended: the container has no grep, by which its processes are found, or no /proc',
  absent: 'the command could not be ended: what watches over it could not be started beside it',
} as const;

/** Of a container that has no shell, or none that can do what has to be done before the command. */
const NO_SHELL = Symbol('no shell');

/**
 * Starts the request's command: by the container's own shell, which gives it its environment, and says when it has started
 * and ended; where there is none, as it is.
 *
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startInPod({ pod }: Container, asked: ExecRequest, abort: AbortSignal): Promise<Session> {
  if (pod === undefined) throw new NotStartedError('no Kubernetes cluster is known for it');
  const request: ExecRequest = isNothing(asked.stdin) ? { ...asked, stdin: { kind: 'null' } } : asked;
  const user = request.user === undefined ? undefined : await podUser(pod, request.user, abort);
  const started = await startByShell(pod, request, user, abort);
  if (started !== NO_SHELL) return started;
  const needed = shellNeededFor(request);
  if (needed !== undefined)
    throw new NotStartedError(`the container has no /bin/sh (at a terminal: with stty), which ${needed} needs`);
  return startDirectly(pod, request, abort);
}

/** What comes of /dev/null has no end that a server would have to pass on. */
function isNothing(stdin: ExecRequest['stdin']): boolean {
  return stdin.kind === 'descriptor' && fstatSync(stdin.fd).rdev === DEV_NULL;
}

function shellNeededFor(request: ExecRequest): string | undefined {
  if (request.needsTreeKill) return 'a timeout';
  if (request.env.size > 0) return '--env';
  if (request.workdir !== undefined) return '--workdir';
  if (request.user !== undefined) return '--user';
  return request.command.length === 0 ? 'a login shell' : undefined;
}

async function opened(
  access: PodAccess,
  target: Parameters<typeof execPath>[1],
  halfClose: boolean,
  abort: AbortSignal | undefined,
): Promise<PodChannel> {
  const channel = await access.cluster.open(execPath(access, target), halfClose, abort);
  if ('ended' in channel) return channel;
  throw refusedExecution(channel, access);
}

async function startByShell(
  access: PodAccess,
  request: ExecRequest,
  user: PodUser | undefined,
  abort: AbortSignal,
): Promise<Session | typeof NO_SHELL> {
  const { id, terminal } = request;
  const hasInput = request.stdin.kind !== 'null';
  const words = loaderWords(id, request.command.map(String), terminal !== undefined);
  const guard = new Guard(access, id, user?.prefix ?? []);
  guard.begin();
  const channel = await opened(access, { words, stdin: true, tty: terminal !== undefined }, false, abort).catch(
    (error: unknown) => {
      void guard.end();
      // Nothing runs before it was told what.
      // Nobody else is to wait for that server as long again.
      if (isLxcriError(error) && error.code === 'ConnectionLost')
        throw new LxcriError('PlatformUnreachable', error.message, error.hint);
      throw error;
    },
  );
  if (hasInput && terminal === undefined && !channel.halfCloses) {
    channel.close();
    void guard.end();
    throw new NotStartedError(
      'the API server is older than Kubernetes 1.30 and cannot pass on the end of standard input: leave it out with --no-stdin',
    );
  }
  const attempt: Attempt = {
    access,
    request,
    channel,
    guard,
    abort,
    marked: new MarkedOutput(id),
    shell: user?.user.shell,
    sent: false,
    isWatched: false,
  };
  const script = frame(id, launcher(launchOf(request, user)));
  try {
    return await awaitStart(attempt, script);
  } catch (error) {
    channel.close();
    void guard.end();
    throw error;
  }
}

function launchOf(request: ExecRequest, found: PodUser | undefined): Parameters<typeof launcher>[0] {
  const { id, env, workdir, terminal, command, stdin } = request;
  return {
    execId: id,
    timerSlack: timerSlackFor(id),
    carriers: [...env].map(([key, value]) => quoted(`${key}=${value}`)),
    workdir: workdir ?? '',
    user: found?.user,
    prefix: found?.prefix ?? [],
    isLogin: command.length === 0,
    hasInput: stdin.kind !== 'null',
    terminal,
    runScript: RUN_SCRIPT,
    carrierPrefix: CARRIER_PREFIX,
  };
}

interface Attempt {
  readonly access: PodAccess;
  readonly request: ExecRequest;
  readonly channel: PodChannel;
  readonly guard: Guard;
  readonly abort: AbortSignal;
  readonly marked: MarkedOutput;
  /** The login shell of the user who was asked for. */
  readonly shell: string | undefined;
  /** Whether the container was told what to run. */
  sent: boolean;
  /** Whether the guard sees it. */
  isWatched: boolean;
}

/** Tells the container what to run, and waits until it says that it does, or why not. */
async function awaitStart(attempt: Attempt, script: Buffer): Promise<Session | typeof NO_SHELL> {
  const { request, channel, guard, abort, marked } = attempt;
  const { terminal } = request;
  let refuse: (error: NotStartedError) => void = () => {};
  const refused = new Promise<never>((_resolve, reject) => (refuse = reject));
  refused.catch(() => {});
  marked.onReady = (): void => {
    void guard.watch().then((watch) => {
      if (abort.aborted) return;
      attempt.isWatched = watch === 'ready';
      if (watch !== 'ready' && request.needsTreeKill) return refuse(new NotStartedError(UNWATCHED[watch]));
      attempt.sent = true;
      channel.stdin.write(script);
    });
  };
  const announced = new Promise<Announcement>((resolve) => (marked.onAnnouncement = resolve));
  const ended = channel.ended;
  (terminal === undefined ? channel.stderr : channel.stdout).pipe(marked);
  if (terminal !== undefined) channel.resize(terminal.columns, terminal.rows);
  const aborted = new Promise<'aborted'>((resolve) => {
    if (abort.aborted) resolve('aborted');
    else abort.addEventListener('abort', () => resolve('aborted'));
  });
  const deadline = new AbortController();
  const late = sleep(START_DEADLINE_MS, 'late' as const, { signal: deadline.signal, ref: false });
  late.catch(() => {});
  // Without a terminal, only the command writes to standard output.
  const stirred =
    terminal === undefined ? channel.stirred.then(() => 'stirred' as const) : new Promise<never>(() => {});
  let first: Announcement | ChannelEnd | 'aborted' | 'late' | 'stirred';
  first = await Promise.race([announced, ended, stirred, aborted, late, refused]);
  deadline.abort();
  if ((first === 'aborted' || first === 'late') && attempt.sent) {
    // It may be about to start: whoever has asked for an end gets it, and it is known then what has become of it.
    void guard.kill();
    first = await Promise.race([announced, ended, sleep(ABORT_GRACE_MS, first, { ref: false })]);
  }
  if (first === 'aborted') {
    if (!attempt.sent) throw new NotStartedError('canceled');
    return sessionOf(attempt);
  }
  if (first === 'late') {
    if (!attempt.sent) throw new NotStartedError('the container did not get to the command in time');
    return sessionOf(attempt);
  }
  if (first === 'stirred') return sessionOf(attempt);
  // The announcement may be on its way through our own stream.
  if ('kind' in first) first = await Promise.race([announced, flushed(marked).then(() => ended)]);
  if ('message' in first) return afterAnnouncement(attempt, first);
  return afterEnd(attempt, first);
}

function flushed(marked: MarkedOutput): Promise<void> {
  if (marked.writableFinished) return Promise.resolve();
  return new Promise((resolve) => {
    marked.once('finish', resolve);
    marked.once('close', resolve);
  });
}

function afterAnnouncement(attempt: Attempt, { message }: Announcement): Session | typeof NO_SHELL {
  const { request, channel, shell } = attempt;
  if (message === 'started') return sessionOf(attempt);
  if (message === 'no-stty') return discarded(attempt);
  channel.close();
  const { user } = request;
  if (user !== undefined && !RUN_MESSAGES.some((known) => known === message.split(' ')[0]))
    throw new NotStartedError(
      `the container cannot become user ${JSON.stringify(user.user)}: ${JSON.stringify(message.slice(0, 300))}`,
    );
  if (request.command.length === 0 && /^not-(found|executable)\b/.test(message))
    throw new LxcriError(
      message.startsWith('not-found') ? 'CommandNotFound' : 'CommandNotExecutable',
      `the login shell${shell === undefined ? '' : ` ${JSON.stringify(shell)}`} that the container's /etc/passwd names cannot be run`,
      'name a shell that is there, for example: -- /bin/sh',
    );
  throw refusal(message, request);
}

/** The channel has ended, and nothing was announced. */
function afterEnd(attempt: Attempt, end: ChannelEnd): Session | typeof NO_SHELL {
  const { access, request, marked, sent } = attempt;
  if (end.kind === 'status' && end.status.kind === 'failed') {
    const { message } = end.status;
    switch (startFailure(message).kind) {
      case 'not-found':
      case 'not-executable':
        return discarded(attempt);
      case 'unclear':
        break;
      default:
        throw startError(message, request, access) ?? new NotStartedError(message);
    }
    // The loader says when it has begun.
    throw new NotStartedError(`the runtime could not start the command: ${message}`);
  }
  if (end.kind === 'status') {
    const said = JSON.stringify(marked.before.trim().split('\n').at(-1)?.slice(0, 300) ?? '');
    // What the loader exits with when it runs nothing. With any other, something may have run, and its output be lost.
    if (end.status.kind === 'exited' && end.status.exitCode === LOADER_FAILED)
      throw new NotStartedError(`the container's /bin/sh did not take our script: ${said}`);
    return sessionOf(attempt);
  }
  if (!sent) throw new NotStartedError(end.reason);
  return sessionOf(attempt);
}

function discarded({ channel, guard }: Attempt): typeof NO_SHELL {
  channel.close();
  void guard.end();
  return NO_SHELL;
}

function sessionOf(attempt: Attempt): Session {
  const { request, channel, guard, marked } = attempt;
  const { terminal, stdout, stderr } = request;
  const out = terminal === undefined ? channel.stdout : marked;
  const err = terminal === undefined ? marked : null;
  if (stdout.kind === 'null') out.resume();
  if (stderr.kind === 'null') err?.resume();
  // Who reads no more of what has passed through us reads no more of the channel.
  marked.once('close', () => {
    const source = terminal === undefined ? channel.stderr : channel.stdout;
    if (!marked.readableEnded) source.destroy();
  });
  return new PodSession({
    channel,
    guard,
    treeKill: attempt.isWatched,
    hasTerminal: terminal !== undefined,
    stdin: request.stdin.kind !== 'null',
    stdout: stdout.kind === 'null' ? null : out,
    stderr: stderr.kind === 'null' ? null : err,
    marked,
    judge: (end) => judgedByShell(end, marked, request),
  });
}

/** How long what was said before the end may be on its way through our own stream; whoever reads none of it keeps it there. */
const SAID_MS = 500;

/** The same for one that the container's shell was to become. */
async function judgedByShell(end: ChannelEnd, marked: MarkedOutput, request: ExecRequest): Promise<SessionExit> {
  const exit = judged(end);
  if (exit.kind !== 'exited' || (exit.exitCode !== 126 && exit.exitCode !== 127)) return exit;
  if (!marked.hasGiven) await Promise.race([flushed(marked), sleep(SAID_MS, undefined, { ref: false })]);
  const error = marked.complaint === undefined ? undefined : execError(marked.complaint, exit.exitCode, request);
  return error === undefined ? exit : { kind: 'not-started', error };
}

/** What the end of a command that was started means. */
function judged(end: ChannelEnd): SessionExit {
  if (end.kind === 'lost') return { kind: 'lost', reason: end.reason };
  const { status } = end;
  if (status.kind === 'exited') return { kind: 'exited', exitCode: status.exitCode, signal: null };
  return { kind: 'lost', reason: status.message };
}

/** Without a shell: what the runtime says is all that is known. */
async function startDirectly(access: PodAccess, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  const { terminal, stdin, stdout, stderr } = request;
  if (abort.aborted) throw new NotStartedError('canceled');
  const hasInput = stdin.kind !== 'null';
  const hasTerminal = terminal !== undefined;
  const target = { words: request.command.map(String), stdin: hasInput || hasTerminal, tty: hasTerminal };
  // From here on it may run.
  const channel = await opened(access, target, hasInput && terminal === undefined, undefined).catch(
    (error: unknown) => {
      if (isLxcriError(error) && error.code === 'ConnectionLost') return error;
      throw error;
    },
  );
  if (channel instanceof LxcriError) return lostAtOnce(channel.message);
  if (terminal !== undefined) channel.resize(terminal.columns, terminal.rows);
  let spoke = false;
  void channel.stirred.then(() => (spoke = true));
  if (stdout.kind === 'null') channel.stdout.resume();
  if (stderr.kind === 'null') channel.stderr.resume();
  const judge = (end: ChannelEnd): SessionExit => {
    const error =
      end.kind === 'status' && end.status.kind === 'failed' && !spoke
        ? startError(end.status.message, request, access)
        : undefined;
    return isLxcriError(error) ? { kind: 'not-started', error } : judged(end);
  };
  return new PodSession({
    channel,
    guard: undefined,
    treeKill: false,
    hasTerminal: terminal !== undefined,
    stdin: hasInput,
    stdout: stdout.kind === 'null' ? null : channel.stdout,
    stderr: stderr.kind === 'null' || terminal !== undefined ? null : channel.stderr,
    marked: undefined,
    judge,
  });
}

/** A command that may have been started by a request whose answer was lost. */
function lostAtOnce(reason: string): Session {
  return {
    stdin: null,
    stdout: null,
    stderr: null,
    treeKill: false,
    exit: Promise.resolve({ kind: 'lost', reason }),
    resize: () => {},
    signal: () => {},
    kill: () => Promise.resolve(false),
    release: () => Promise.resolve(),
  };
}
