import { setTimeout as sleep } from 'node:timers/promises';

import type { ExecRequest, Word } from '../../model/request.ts';
import type { Session, SessionExit } from '../../model/session.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { openUnnamedFile } from '../../process/unnamed-file.ts';
import { withUsualMask } from '../../process/usual-mask.ts';
import { NotStartedError } from '../method.ts';
import { AttachMessageFilter } from './attach-message-filter.ts';
import { RUN_SCRIPT } from './container-script.ts';
import { attachFailure, notStarted, refusal } from './failures.ts';
import { CHANNEL_GRACE_MS, launch } from './launch.ts';
import type { Attacher, Launched } from './launch.ts';
import { LOG_THERE } from './launch-on-node.ts';
import { readMessages } from './messages.ts';
import { carriersOf, runArguments } from './run-words.ts';
import { AttachedSession } from './session.ts';
import type { ResolvedUser } from './user-lookup.ts';

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
  const carriers = { [TAG_VARIABLE]: request.id, ...Object.fromEntries(carriersOf(request.env)) };
  const words: Word[] = [
    ...plan.attacher.args(Object.keys(carriers), plan.extraOptions),
    ...plan.prefix,
    '/bin/sh',
    '-c',
    RUN_SCRIPT,
    'sh',
    ...runArguments(request, plan.user, request.terminal?.type),
  ];
  const launched = await launch({
    attacher: plan.attacher,
    words,
    environment: carriers,
    request,
    channel: true,
    holdStderr: false,
    abort,
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
  abort: AbortSignal,
): Promise<Session> {
  const isHere = attacher.node === undefined;
  const file = isHere ? openUnnamedFile() : undefined;
  const logOptions = ['-o', file?.path ?? LOG_THERE, ...extraOptions];
  // On another node our program there has set the mask.
  const [program, ...first] = isHere ? withUsualMask(attacher.file) : ([attacher.file] as const);
  const words = [...first, ...attacher.args(Object.keys(environment), logOptions), ...request.command];
  try {
    const launched = await launch({
      attacher: { ...attacher, file: program },
      words,
      environment,
      request,
      channel: false,
      holdStderr: true,
      abort,
    });
    const judgeExit = (exitCode: number): SessionExit => {
      const failure = attachFailure(file?.read() ?? launched.logged?.() ?? '', exitCode, request);
      file?.close();
      return failure === undefined
        ? { kind: 'exited', exitCode, signal: null }
        : { kind: 'not-started', error: failure };
    };
    return new AttachedSession({
      ...launched.parts,
      judgeExit,
      stderr: launched.parts.stderr?.pipe(new AttachMessageFilter()) ?? null,
    });
  } catch (error) {
    file?.close();
    throw error;
  }
}

/** What the script in the container says last. */
function hasStarted(message: string | undefined): boolean {
  return message === 'started';
}

/** A container that takes longer to start a command than this does not want to. */
const START_DEADLINE_MS = 60_000;

/**
 * Waits until the script says that the command starts; what else it says is why it does not. With a connection that was
 * lost meanwhile the command may have started, so it is treated as one that has.
 */
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
  const lost = { yes: false };
  const ended = parts.helper.ended.then((end) => {
    lost.yes = end.lost !== undefined;
    return lost.yes ? undefined : sleep(CHANNEL_GRACE_MS, undefined, { ref: false });
  });
  const aborted = new Promise<void>((resolve) =>
    abort.aborted ? resolve() : abort.addEventListener('abort', () => resolve()),
  );
  const deadline = new AbortController();
  const tooLate = sleep(START_DEADLINE_MS, true, { signal: deadline.signal }).catch(() => false);
  const late = await Promise.race([said, ended, aborted, tooLate]);
  deadline.abort();
  const helperRuns = message === undefined && (abort.aborted || late === true);
  if (helperRuns) {
    parts.helper.kill('SIGKILL');
    await session.kill();
    // It may have started, and said so, before it was killed.
    await Promise.race([said, ended]);
  }
  channel.destroy();
  if (hasStarted(message) || (message === undefined && lost.yes)) {
    // Found now, while it certainly is a child of the attaching program.
    void parts.tree.commandPid;
    return session;
  }
  await session.kill();
  await session.release();
  for (const stream of [parts.stdin, parts.stdout, parts.stderr]) stream?.destroy();
  if (helperRuns)
    throw new NotStartedError(abort.aborted ? 'canceled' : 'the container did not get to the command in time');
  if (message === undefined) {
    const { code } = await parts.helper.ended;
    throw notStarted(code);
  }
  throw refusal(message, request);
}
