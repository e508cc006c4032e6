/** Everything that is done on other nodes goes through here: a bundle of its own, loaded when there is something to do. */
import type { SshTarget } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { ApiAccess } from '../model/remote.ts';
import type { Connection } from './connection.ts';
import { packList, unpackList } from './frames.ts';
import { RemoteProcess } from './process.ts';
import type { LostExecution, RemoteLaunch } from './process.ts';
import { SharedAttempt } from './shared-attempt.ts';
import { connectOverShell } from './shell/connect.ts';
import { connectOverSsh } from './ssh/connect.ts';

/** How long we try to end an execution whose connection was lost, before we say that we could not. */
const END_TIMEOUT_MS = 10_000;

/** A node, and how to get there: over ssh, or by a shell of it over the API. */
export type NodeAddress = { readonly node: string } & (
  | { readonly ssh: SshTarget }
  | { readonly shell: Pick<ApiAccess, 'context' | 'openNodeShell'> }
);

/** What a node knows of a container. */
export interface ContainerFacts {
  readonly vmid: string;
  readonly name: string;
  readonly lock: string | undefined;
  /** In LXC's words, or UNREACHABLE. */
  readonly state: string;
  readonly initPid: number | undefined;
  /** Which of `pct` and `lxc-attach` are there. */
  readonly tools: readonly string[];
}

/** Why a node has no such container. */
export type NotFound =
  | { readonly problem: 'missing' | 'not-proxmox' }
  | { readonly problem: 'elsewhere'; readonly node: string }
  | { readonly problem: 'ambiguous'; readonly candidates: readonly string[] };

/**
 * Asks a node for a container.
 *
 * @param word its VMID or name.
 * @throws LxcriError PlatformUnreachable, AuthenticationFailed, PermissionDenied or NoMethodAvailable; or the signal's
 *   reason.
 */
export async function findOnNode(
  address: NodeAddress,
  word: string,
  signal?: AbortSignal,
): Promise<ContainerFacts | NotFound> {
  const connection = await connectionTo(address, signal);
  const answer = unpackList(await connection.ask('A', Buffer.from(word), signal));
  const facts = new Map<string, string>();
  for (let at = 0; at < answer.length; at += 2) facts.set(answer[at] ?? '', answer[at + 1] ?? '');
  const fact = (key: string): string => facts.get(key) ?? '';
  const words = (key: string): string[] => fact(key).split(' ').filter(Boolean);
  switch (facts.get('problem')) {
    case undefined:
      return {
        vmid: fact('vmid'),
        name: fact('name'),
        lock: facts.get('lock'),
        state: fact('state'),
        initPid: Number(fact('init')) || undefined,
        tools: words('tools'),
      };
    case 'elsewhere':
      return { problem: 'elsewhere', node: fact('node') };
    case 'ambiguous':
      return { problem: 'ambiguous', candidates: words('candidates') };
    case 'not-proxmox':
      return { problem: 'not-proxmox' };
    default:
      return { problem: 'missing' };
  }
}

/**
 * Starts a program on a node.
 *
 * @throws LxcriError as {@link findOnNode}, and then nothing was started.
 */
export async function startOnNode(
  address: NodeAddress,
  launch: RemoteLaunch,
  signal?: AbortSignal,
): Promise<RemoteProcess> {
  return new RemoteProcess(await connectionTo(address, signal), launch);
}

/**
 * Ends what is left on a node of an execution whose connection was lost. The node does that by itself as well; this tells
 * whether it is done.
 *
 * @returns whether nothing is left; `false` also when the node cannot be asked.
 */
export async function endOnNode(address: NodeAddress, execution: LostExecution): Promise<boolean> {
  const { execId, initPid, startTime } = execution;
  const tooLate = AbortSignal.timeout(END_TIMEOUT_MS);
  try {
    const connection = await connectionTo(address, tooLate);
    const answer = await connection.ask('T', packList([execId, String(initPid ?? ''), startTime]), tooLate);
    return answer.toString('latin1') === '1';
  } catch {
    return false;
  }
}

const connections = new Map<string, SharedAttempt<Connection>>();

/** The connection to a node: one for all that this process does there. */
async function connectionTo(address: NodeAddress, signal: AbortSignal | undefined): Promise<Connection> {
  const key = JSON.stringify('ssh' in address ? address.ssh : [address.shell.context, address.node]);
  const known = connections.get(key);
  if (known !== undefined && !known.isVain) {
    const connection = await known.wait(signal);
    if (connection.lost === undefined) return connection;
    if (connections.get(key) !== known) return connectionTo(address, signal);
  }
  const made = new SharedAttempt((abort) => connectAsRoot(address, abort));
  connections.set(key, made);
  return made.wait(signal);
}

async function connectAsRoot(address: NodeAddress, signal: AbortSignal): Promise<Connection> {
  const { node } = address;
  if ('shell' in address) return connectOverShell(node, await address.shell.openNodeShell(signal), { signal });
  const connection = await connectOverSsh(node, address.ssh, process.env, { signal });
  const { uid, user } = connection.login;
  if (uid === 0) return connection;
  connection.close();
  throw new LxcriError(
    'PermissionDenied',
    `ssh logs in to node ${node} as ${user}, who is not root there`,
    `log in as root (User root in ~/.ssh/config), or let ${user} use sudo there and configure that`,
  );
}
