import type { Container } from '../../model/container.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { Session } from '../../model/session.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import type { Agent } from '../../vsock/agent.ts';
import { agentAt } from '../../vsock/agent.ts';
import { olderStartRequest, startRequest } from '../../vsock/protocol.ts';
import { NotStartedError } from '../method.ts';
import { passingRefusal, refusalOf, takesNoMore } from './failures.ts';
import { OlderPeer, OwnPeer } from './peer.ts';
import { GuestSession } from './session.ts';

/**
 * Starts the request's command.
 *
 * @throws NotStartedError, LxcriError as Method.start does.
 */
export async function startInGuest(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  const { vsock: access } = container;
  if (access === undefined) throw new NotStartedError('no way to its agent is known');
  const agent = await agentAt(access.address, abort);
  abort.throwIfAborted();
  return agent.hello === undefined ? startByOlder(agent, request) : startByOwn(agent, request, abort);
}

/** An agent that takes longer than this to start a command, or to say so, is given up. */
const START_LIMIT_MS = 60_000;

async function startByOwn(agent: Agent, request: ExecRequest, abort: AbortSignal): Promise<Session> {
  const { id, command, env, workdir, user, terminal, stdin } = request;
  const message = startRequest({
    id,
    argv: command,
    env,
    workdir,
    user: user?.user,
    group: user?.group,
    hasInput: stdin.kind !== 'null',
    terminal,
  });
  const limit = agent.hello?.maxMessageBytes ?? 0;
  if (limit > 0 && message.length > limit)
    throw new NotStartedError(`the command and its environment are longer than what the agent takes (${limit} bytes)`);
  const session = new GuestSession(new OwnPeer(agent, id), request, message);
  const cancel = (): void => session.abandon('it was canceled while it was being started');
  const timer = setTimeout(() => session.abandon('the agent does not say that it has started'), START_LIMIT_MS);
  abort.addEventListener('abort', cancel);
  const first = await session.first;
  clearTimeout(timer);
  abort.removeEventListener('abort', cancel);
  // The agent has said before anything else that it did not start it.
  if (first.kind === 'refused') throw refusalOf(first.refusal, request);
  if (first.kind === 'status') {
    const { code, message: said } = first.status;
    throw passingRefusal(first.status) ?? new NotStartedError(`the agent refuses it: ${said || `gRPC status ${code}`}`);
  }
  if (first.kind === 'never') throw takesNoMore('it is being stopped');
  return session;
}

/** What an agent of the published protocols says is too little to know when, or whether, a command has started. */
function startByOlder(agent: Agent, request: ExecRequest): Session {
  const missing = missingInOlder(request);
  if (missing !== undefined) throw new NotStartedError(`the agent in the guest is an older one: ${missing}`);
  const { id, command, env, workdir, terminal } = request;
  const variables = new Map([
    [TAG_VARIABLE, id],
    ...(terminal === undefined ? [] : [['TERM', terminal.type] as const]),
    ...env,
  ]);
  const argv = command.length === 0 ? ['/bin/sh', '-l'] : command;
  const message = olderStartRequest({ argv, env: variables, workdir, terminal });
  return new GuestSession(new OlderPeer(agent), request, message);
}

/** What a request needs that the published protocols have not. */
function missingInOlder({ user, needsTreeKill, command }: ExecRequest): string | undefined {
  if (user !== undefined) return 'it cannot change the user';
  if (needsTreeKill) return 'it cannot end a command from outside, which --timeout needs';
  if (command.some((word) => typeof word !== 'string')) return 'it takes only arguments that are valid UTF-8';
  return undefined;
}
