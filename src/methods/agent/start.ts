/** How commands get into virtual machines by their QEMU guest agents; a bundle of its own, loaded when there is one. */
import { isatty } from 'node:tty';

import type { Container } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest, Word } from '../../model/request.ts';
import type { Session } from '../../model/session.ts';
import { becoming } from '../attach/become.ts';
import { RUN_SCRIPT_OF_MACHINE } from '../attach/container-script.ts';
import { carriersOf, runArguments } from '../attach/run-words.ts';
import type { ResolvedUser } from '../attach/user-lookup.ts';
import { untilAborted } from '../../process/until-aborted.ts';
import { NotStartedError } from '../method.ts';
import { GuestAgent, MAX_INPUT_BYTES } from './guest-agent.ts';
import { AgentSession } from './session.ts';
import type { LaunchPlan } from './session.ts';
import { lookUpUser } from './user.ts';
import { SCRIPT, environmentLine, launchWords } from './words.ts';
import type { GuestLaunch } from './words.ts';

/**
 * Starts the request's command. Where it has a standard input, that is awaited first: then the session is there before the
 * command, and may end in that it never ran.
 *
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startInGuest(container: Container, asked: ExecRequest, abort: AbortSignal): Promise<Session> {
  const { api, id, name } = container;
  if (api === undefined) throw new NotStartedError('no API is known for it');
  const agent = new GuestAgent(api, `virtual machine ${name === id ? id : `${id} (${name})`}`);
  const request = withoutTerminalInput(asked);
  let user: ResolvedUser | undefined;
  if (request.user !== undefined) {
    const found = await untilAborted(lookUpUser(agent, request.id, request.user, abort), abort);
    if ('kind' in found) {
      if (found.kind === 'refused') throw found.error;
      const other = await planWithout(agent, request, found.said);
      if (other instanceof LxcriError) throw other;
    } else user = found;
  }
  if (abort.aborted) throw new NotStartedError('canceled');
  const session = new AgentSession(agent, request, planWithShell(request, user), (said) =>
    planWithout(agent, request, said),
  );
  if (session.stdin !== null) return session;
  const launched = await session.launch();
  if (launched.kind === 'refused') throw launched.error;
  return session;
}

/** What is typed cannot be passed on as it comes, and nobody means to end it before a command starts. */
function withoutTerminalInput(request: ExecRequest): ExecRequest {
  const { stdin } = request;
  return stdin.kind === 'descriptor' && isatty(stdin.fd) ? { ...request, stdin: { kind: 'null' } } : request;
}

function planWithShell(request: ExecRequest, user: ResolvedUser | undefined): LaunchPlan {
  const { id, env } = request;
  const head = env.size === 0 ? Buffer.alloc(0) : environmentLine(new Map(carriersOf(env)));
  const maxInputBytes = MAX_INPUT_BYTES - head.length;
  if (maxInputBytes < 0)
    throw new LxcriError('UsageError', `the environment is longer than the QEMU guest agent takes`, 'leave some out');
  const prefix: readonly Word[] = user === undefined ? [] : becoming(user, 'guest');
  const words: GuestLaunch['words'] = [...prefix, '/bin/sh', '-c', SCRIPT, 'sh', ...runArguments(request, user)];
  return {
    hasShell: true,
    words: launchWords({ id, words, script: RUN_SCRIPT_OF_MACHINE, hasEnvironment: env.size > 0, isCommand: true }),
    head,
    maxInputBytes,
  };
}

/** A guest without a shell that can be used: a Windows gets the words as they are, another one nothing. */
async function planWithout(agent: GuestAgent, request: ExecRequest, said: string): Promise<LaunchPlan | LxcriError> {
  if ((await agent.isWindows()) !== true) {
    return new LxcriError(
      'NoMethodAvailable',
      `the QEMU guest agent of ${agent.name} cannot start a shell there: ${said}`,
      'commands need /usr/bin/env and /bin/sh in the guest, unless it is a Windows',
    );
  }
  const missing = missingInWindows(request);
  if (missing !== undefined)
    return new LxcriError('NoMethodAvailable', `${agent.name} is a Windows: ${missing}`, 'leave it out');
  return { hasShell: false, words: request.command.map(String), head: Buffer.alloc(0), maxInputBytes: MAX_INPUT_BYTES };
}

/** What a request needs, and the agent alone cannot do. */
function missingInWindows({ needsTreeKill, env, workdir, user, command }: ExecRequest): string | undefined {
  if (needsTreeKill) return 'a command cannot be ended from here, which --timeout needs';
  if (env.size > 0) return 'the API cannot set its environment (-e)';
  if (workdir !== undefined) return 'the API cannot set its directory (--workdir)';
  if (user !== undefined) return 'the API cannot change the user (--user)';
  if (command.length === 0) return 'there is no login shell to be had';
  // The server loses empty words, and older ones what is not ASCII.
  if (!command.every((word) => typeof word === 'string' && /^[\u0020-\u007e]+$/.test(word)))
    return 'words that are empty, or hold more than plain characters, do not arrive unchanged';
  return undefined;
}
