import { setTimeout as sleep } from 'node:timers/promises';

import { Screen } from '../../framed/screen.ts';
import { whatIsShown } from '../../framed/prompt.ts';
import { ShellSession } from '../../framed/shell-session.ts';
import type { ShellCommand } from '../../framed/shell-command.ts';
import type { ApiAccess } from '../../model/remote.ts';
import type { ExecRequest, Word } from '../../model/request.ts';
import type { Session } from '../../model/session.ts';
import { isLxcriError } from '../../model/errors.ts';
import type { RawTerminal } from '../../model/raw-terminal.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { becoming } from '../attach/become.ts';
import { RUN_SCRIPT } from '../attach/container-script.ts';
import { refusal, tooLong } from '../attach/failures.ts';
import { carriersOf, runArguments } from '../attach/run-words.ts';
import type { ResolvedUser } from '../attach/user-lookup.ts';
import { NotStartedError } from '../method.ts';
import { ConsoleSession } from './session.ts';
import { lookUpThere } from './user.ts';
import { MetAnotherError, Viewers } from './viewers.ts';

/** How long what may take. */
export interface ConsoleLimits {
  /** For the prompt of a shell that was just started. */
  readonly promptMs: number;
  /** After how long without a word from us what is left of us in the container ends what it runs, and itself. */
  readonly silenceSeconds: number;
}

const LIMITS: ConsoleLimits = { promptMs: 10_000, silenceSeconds: 30 };

/** A terminal that shows a prompt, and nothing new for so long, is at its prompt. */
const QUIET_MS = 300;

/** A shell with a line editor draws its prompt again when the terminal's size changes; nobody else is looking. */
const NUDGE_MS = 1500;

/** How much sooner than us a shell may have begun and still be the one that was started for us; nobody looked before. */
const YOUNG_MS = 2000;

/** A container that takes longer to start a command than this does not want to. */
const START_DEADLINE_MS = 60_000;

/** How often the console is opened when others come at the same time, and at most how long it is left alone between. */
const TRIES = 4;
const PAUSE_MS = 6000;

/** The kernel takes no more in one word (MAX_ARG_STRLEN), and in all not much more. */
const LONG_BYTES = 100_000;

/**
 * Runs a request's command in the shell on a container's console.
 *
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startInConsole(
  api: ApiAccess,
  request: ExecRequest,
  abort: AbortSignal,
  limits = LIMITS,
): Promise<Session> {
  const [viewers] = await Promise.all([Viewers.of(api, abort), refuseOtherModes(api, abort)]);
  for (let left = TRIES - 1; ; left -= 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      return await startWhereNobodyLooks(api, viewers, request, abort, limits);
    } catch (error) {
      if (!(error instanceof MetAnotherError) || left === 0) throw error;
    }
    // Whoever comes back first is alone, and the others see it before they open the console.
    // oxlint-disable-next-line no-await-in-loop
    await sleep(Math.random() * PAUSE_MS, undefined, { signal: abort }).catch(() => {
      throw new NotStartedError('canceled');
    });
  }
}

async function startWhereNobodyLooks(
  api: ApiAccess,
  viewers: Viewers,
  request: ExecRequest,
  abort: AbortSignal,
  { promptMs, silenceSeconds }: ConsoleLimits,
): Promise<Session> {
  await viewers.refuseOthers(0, abort);
  const openedAt = Date.now();
  const terminal = await api.openConsole(abort);
  let session: ShellSession | undefined;
  try {
    terminal.input.on('error', () => {});
    terminal.hold(true);
    const screen = new Screen(terminal);
    await waitForPrompt(screen, terminal, promptMs, abort);
    await viewers.refuseOthers(1, abort);
    // While we asked, somebody may have typed.
    if (whatIsShown(screen.lastLine, screen.text) !== 'prompt') throw new NotStartedError(BUSY);
    const youngMs = Date.now() - openedAt + YOUNG_MS;
    session = await ShellSession.open(screen, terminal, {
      youngMs,
      commandTag: TAG_VARIABLE,
      silenceSeconds,
      abort,
    });
    refuseOtherPlaces(session);
    const user = await lookUpThere(session, request);
    return await startCommand(session, user, request, abort);
  } catch (error) {
    if (session === undefined) terminal.close();
    else await session.close();
    terminal.hold(false);
    if (isLxcriError(error) || (error instanceof Error && error.name === 'NotStartedError')) throw error;
    throw new NotStartedError(`the console cannot be used: ${(error as Error).message}`);
  }
}

const BUSY = 'the console does not show the prompt of a shell of root: something runs in it, or it leads to a login';

/** Only with one mode there is a shell. Who may not read the configuration sees it on the terminal. */
async function refuseOtherModes(api: ApiAccess, abort: AbortSignal): Promise<void> {
  let mode: string | undefined;
  try {
    const path = `/nodes/${api.node}/lxc/${api.vmid}/config`;
    mode = (await api.call<{ cmode?: string }>('GET', path, undefined, abort)).cmode ?? 'tty';
  } catch (error) {
    if (isLxcriError(error) && error.code === 'PermissionDenied') return;
    throw error;
  }
  if (mode !== 'shell')
    throw new NotStartedError(
      `the console leads to a login (cmode is ${mode}); pct set ${api.vmid} --cmode shell makes it a shell`,
    );
}

async function waitForPrompt(
  screen: Screen,
  terminal: RawTerminal,
  promptMs: number,
  abort: AbortSignal,
): Promise<void> {
  const atPrompt = (): true | undefined =>
    screen.quietMs >= QUIET_MS && whatIsShown(screen.lastLine, screen.text) === 'prompt' ? true : undefined;
  const settled = (): true | undefined => {
    const login = whatIsShown(screen.lastLine, screen.text) === 'login' && screen.quietMs >= QUIET_MS;
    return atPrompt() ?? (login ? true : undefined);
  };
  if ((await screen.until(settled, NUDGE_MS, abort)) === undefined) {
    terminal.resize(80, 24);
    await screen.until(settled, promptMs, abort);
  }
  if (abort.aborted) throw new NotStartedError('canceled');
  if (atPrompt() !== undefined) return;
  if (screen.ended !== undefined) throw new NotStartedError(`the console was closed: ${screen.ended}`);
  if (whatIsShown(screen.lastLine, screen.text) === 'login')
    throw new NotStartedError('the console shows a login prompt, and needs a password of the container');
  throw new NotStartedError(BUSY);
}

/** Whoever typed `ssh` or `su` into the console and left is not in the container, or not its root. */
function refuseOtherPlaces({ place }: ShellSession): void {
  const { uid, parentOfShell, inLxc } = place;
  if (parentOfShell !== 0 || !inLxc)
    throw new NotStartedError('the shell on the console is not the one that it began with: somebody has left it there');
  if (uid !== 0) throw new NotStartedError('the shell on the console is not one of root');
}

async function startCommand(
  session: ShellSession,
  user: ResolvedUser | undefined,
  request: ExecRequest,
  abort: AbortSignal,
): Promise<Session> {
  const carriers = { [TAG_VARIABLE]: request.id, ...Object.fromEntries(carriersOf(request.env)) };
  const words: Word[] = [
    ...(user === undefined ? [] : becoming(user, 'container')),
    '/bin/sh',
    '-c',
    RUN_SCRIPT,
    'sh',
    ...runArguments(request, user),
  ];
  if (abort.aborted) throw new NotStartedError('canceled');
  const command = session.run({
    execId: request.id,
    words,
    environment: carriers,
    stdin: request.stdin.kind !== 'null',
    stdout: request.stdout.kind !== 'null',
    stderr: request.stderr.kind !== 'null',
  });
  await awaitStart(command, request, words, abort);
  return new ConsoleSession(session, command);
}

/**
 * Waits until the script says that the command starts; what else it says is why it does not. With a terminal that was
 * lost meanwhile the command may have started, so it is treated as one that has.
 */
async function awaitStart(
  command: ShellCommand,
  request: ExecRequest,
  words: readonly Word[],
  abort: AbortSignal,
): Promise<void> {
  const said = new Promise<void>((resolve) => {
    command.onMessage = () => resolve();
  });
  const aborted = new Promise<void>((resolve) => abort.addEventListener('abort', () => resolve(), { once: true }));
  const deadline = new AbortController();
  const tooLate = sleep(START_DEADLINE_MS, undefined, { signal: deadline.signal }).catch(() => {});
  await Promise.race([said, command.ended, aborted, tooLate]);
  deadline.abort();
  let message = command.messages[0];
  if (message === undefined) {
    // It may have started, and said so, before it is killed.
    const stopped = await Promise.race([command.ended, sleep(0, undefined)]);
    if (stopped === undefined) await command.killTree();
    const end = await command.ended;
    message = command.messages[0];
    if (message === undefined && 'lost' in end) return;
    if (message === undefined && stopped === undefined)
      throw new NotStartedError(abort.aborted ? 'canceled' : 'the container did not get to the command in time');
    if (message === undefined && 'code' in end) throw neverSaid(end.code, words, request);
  }
  if (message === 'started') return;
  await command.ended;
  throw refusal(message ?? '', request);
}

function neverSaid(code: number, words: readonly Word[], request: ExecRequest): Error {
  const bytes = [...words, ...request.env.values()].reduce((sum, word) => sum + word.length, 0);
  if (code === 126 && bytes > LONG_BYTES) return tooLong();
  return new NotStartedError(`the container has no /bin/sh that runs our script (exit code ${code})`);
}
