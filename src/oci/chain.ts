import type { Container, Platform } from '../model/container.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { ErrorCode } from '../model/errors.ts';
import { API_ROUTES } from '../model/remote.ts';
import type { ApiRoute } from '../model/remote.ts';
import type { ExecRequest, MethodName } from '../model/request.ts';
import type { Attempt } from '../model/result.ts';
import type { Session } from '../model/session.ts';
import { NotStartedError } from '../methods/method.ts';
import type { Method } from '../methods/method.ts';
import { methodByName } from '../methods/registry.ts';

/** An entry of the chain: a method, or why a method that belongs there cannot take part. */
export type ChainEntry = Method | { readonly name: MethodName; readonly absent: string };

/** The order for Proxmox and LXC where none was chosen. */
const DEFAULT_ORDER: readonly MethodName[] = ['proxmox-api', 'pct', 'lxc-attach'];

/** The same for other platforms, each of which has one of its own. */
const ORDERS: Partial<Record<Platform, readonly MethodName[]>> = {
  docker: ['docker'],
  kubernetes: ['kubernetes'],
  microvm: ['vsock'],
};

const OF_OTHER_PLATFORMS: ReadonlySet<MethodName> = new Set(Object.values(ORDERS).flat());

/**
 * The order of methods for a container where the call itself names none.
 *
 * @param preferred for containers in general. Those of another platform than the container's are passed over, and
 *   where none is left the platform's own order holds.
 */
export function usualOrder(platform: Platform, preferred: readonly MethodName[] = []): readonly MethodName[] {
  const only = ORDERS[platform];
  if (only !== undefined) return only;
  const own = preferred.filter((name) => !OF_OTHER_PLATFORMS.has(name));
  return own.length === 0 ? DEFAULT_ORDER : own;
}

/**
 * The chain for a container: the order that was chosen, or the default one.
 *
 * @param routes of the API that the container's context enables.
 * @param atTerminal whether somebody wants a shell at a terminal: the API has the container's console for that, which is
 *   shared with others, and therefore last.
 */
export function chainOf(
  order: readonly MethodName[] = DEFAULT_ORDER,
  routes: readonly ApiRoute[] = [],
  atTerminal = false,
): ChainEntry[] {
  const own = atTerminal ? routes.filter((route) => route !== 'console') : routes;
  const last: MethodName[] = atTerminal && order.includes('proxmox-api') ? ['console'] : [];
  // The API takes part by its routes. Who has tried a method need not try it again.
  const names = new Set([...order.flatMap((name) => (name === 'proxmox-api' ? [name, ...own] : [name])), ...last]);
  return [...names].map((name) => methodByName(name) ?? { name, absent: 'not in this version' });
}

/** A command that was started, and by whom. */
export interface Started {
  readonly method: MethodName;
  readonly session: Session;
  /** What is known of it by now. */
  readonly container: Container;
}

/** Asks the node of a container for it, before the first method that needs that; throws as `validateOnNode`. */
export type AskNode = () => Promise<Container>;

/** What was made of the first method that could. */
interface Used<Made> {
  readonly method: MethodName;
  readonly made: Made;
  readonly container: Container;
}

/**
 * Tries the methods in order until one has started the command. Only a method that certainly did not start it lets the
 * next one try: the command runs at most once.
 *
 * @param attempts is filled with what became of each method, also when this throws.
 * @param askNode for a container of another node that was not asked for there yet.
 * @throws LxcriError NoMethodAvailable when none could, or the error of the method that failed for good; why its node
 *   could not be asked, where that is all that was missing.
 */
export async function startByChain(
  chain: readonly ChainEntry[],
  found: Container,
  request: ExecRequest,
  abort: AbortSignal,
  attempts: Attempt[],
  askNode?: AskNode,
): Promise<Started> {
  const start = (method: Method, container: Container): Promise<Session> => method.start(container, request, abort);
  const { method, made, container } = await useFirst(chain, found, request, abort, attempts, start, askNode);
  const last = attempts.at(-1);
  if (made.remark !== undefined && last !== undefined) last.reason = made.remark;
  return { method, session: made, container };
}

/**
 * Finds out whether one of the methods could start the command, as far as can be known without doing it.
 *
 * @returns what is known of the container by now.
 * @throws LxcriError as {@link startByChain}, but for what only a start can tell.
 */
export async function checkChain(
  chain: readonly ChainEntry[],
  found: Container,
  request: ExecRequest,
  abort: AbortSignal,
  askNode?: AskNode,
): Promise<Container> {
  const nothing = (): Promise<void> => Promise.resolve();
  return (await useFirst(chain, found, request, abort, [], nothing, askNode)).container;
}

/** @param use makes something by a method that has no obstacle; throws as `Method.start`. */
async function useFirst<Made>(
  chain: readonly ChainEntry[],
  found: Container,
  request: ExecRequest,
  abort: AbortSignal,
  attempts: Attempt[],
  use: (method: Method, container: Container) => Promise<Made>,
  askNode: AskNode = () => Promise.resolve(found),
): Promise<Used<Made>> {
  let container = found;
  let noWayThere: LxcriError | undefined;
  for (const entry of chain) {
    if (abort.aborted) throw new NotStartedError('canceled');
    if (needsNode(entry, container, request) && noWayThere === undefined) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        container = await askNode();
      } catch (error) {
        if (abort.aborted || !isLxcriError(error) || !NO_WAY_THERE.has(error.code)) throw error;
        noWayThere = error;
      }
    }
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const reason = await obstacleOf(entry, container, request, abort, noWayThere);
    if ('absent' in entry || reason !== undefined) {
      attempts.push({ method: entry.name, outcome: 'skipped', reason: reason ?? '' });
      continue;
    }
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const made = await use(entry, container);
      attempts.push({ method: entry.name, outcome: 'used' });
      return { method: entry.name, made, container };
    } catch (error) {
      attempts.push({
        method: entry.name,
        outcome: 'failed-before-start',
        reason: error instanceof Error ? error.message : String(error),
      });
      if (!(error instanceof NotStartedError) || abort.aborted) throw withBoth(error, noWayThere);
    }
  }
  // What is wrong with the way is more use than that nothing goes without it.
  if (noWayThere !== undefined && attempts.every(({ outcome }) => outcome === 'skipped'))
    throw withRoutes(noWayThere, attempts);
  const reasons = attempts.map(({ method, reason }) => `${method}: ${reason ?? ''}`).join('; ');
  throw new LxcriError(
    'NoMethodAvailable',
    `no method can run this in container ${container.id} (${reasons})`,
    container.api?.type === 'qemu' && attempts.every(({ method }) => method !== 'guest-agent')
      ? 'run it by its QEMU guest agent: --method guest-agent, or routes: [guest-agent] in the context'
      : 'leave out what they cannot do, or choose others with --method',
  );
}

/** Where two ways are closed, both are to be known. */
function withBoth(error: unknown, noWayThere: LxcriError | undefined): unknown {
  if (noWayThere === undefined || !isLxcriError(error) || !NO_WAY_THERE.has(error.code)) return error;
  const { code, message, hint } = error;
  return new LxcriError(code, `${message}; and over ssh: ${noWayThere.message}`, hint, { cause: error });
}

/** Who has enabled routes of the API, or named them, means not to need that other way: why was none of them taken? */
function withRoutes(noWayThere: LxcriError, attempts: readonly Attempt[]): LxcriError {
  const routes = attempts.filter(({ method }) => API_ROUTES.some((route) => route === method));
  if (routes.length === 0) return noWayThere;
  const { code, message, hint } = noWayThere;
  const reasons = routes.map(({ method, reason }) => `${method}: ${reason ?? ''}`).join('; ');
  return new LxcriError(code, `${message}; and over the API: ${reasons}`, hint, { cause: noWayThere });
}

/** Why a node cannot be asked; every other error says something of the container. */
const NO_WAY_THERE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'PlatformUnreachable',
  'AuthenticationFailed',
  'PermissionDenied',
  'NoMethodAvailable',
]);

/** A method that the request rules out has nothing to ask. */
function needsNode(entry: ChainEntry, container: Container, request: ExecRequest): boolean {
  if ('absent' in entry || entry.asksNode !== true) return false;
  return container.remote !== undefined && container.remote.found === undefined && entry.check(container, request).ok;
}

/** Why a method cannot take part. */
async function obstacleOf(
  entry: ChainEntry,
  container: Container,
  request: ExecRequest,
  abort: AbortSignal,
  noWayThere: LxcriError | undefined,
): Promise<string | undefined> {
  if ('absent' in entry) return entry.absent;
  const availability = entry.check(container, request);
  if (!availability.ok) return availability.reason;
  if (noWayThere !== undefined && entry.asksNode === true) return noWayThere.message;
  const looked = await entry.look?.(container, abort);
  return looked === undefined || looked.ok ? undefined : looked.reason;
}
