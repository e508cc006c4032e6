/** Everything that is done on other nodes goes through here: a bundle of its own, loaded when there is something to do. */
import type { SshTarget } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { Connection } from './connection.ts';
import { packList, unpackList } from './frames.ts';
import { RemoteProcess } from './process.ts';
import type { LostExecution, RemoteLaunch } from './process.ts';
import { connectOverSsh } from './ssh/connect.ts';

/** How long we try to end an execution whose connection was lost, before we say that we could not. */
const END_TIMEOUT_MS = 10_000;

/** A node, and how to get there. */
export interface NodeAddress {
  readonly node: string;
  readonly ssh: SshTarget;
}

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
 * @throws LxcriError PlatformUnreachable, AuthenticationFailed, PermissionDenied or NoMethodAvailable.
 */
export async function findOnNode(address: NodeAddress, word: string): Promise<ContainerFacts | NotFound> {
  const connection = await connectionTo(address);
  const answer = unpackList(await connection.ask('A', Buffer.from(word)));
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
export async function startOnNode(address: NodeAddress, launch: RemoteLaunch): Promise<RemoteProcess> {
  return new RemoteProcess(await connectionTo(address), launch);
}

/**
 * Ends what is left on a node of an execution whose connection was lost. The node does that by itself as well; this tells
 * whether it is done.
 *
 * @returns whether nothing is left; `false` also when the node cannot be asked.
 */
export async function endOnNode(address: NodeAddress, execution: LostExecution): Promise<boolean> {
  const { execId, initPid, startTime } = execution;
  const tooLate = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), END_TIMEOUT_MS).unref());
  const end = async (): Promise<boolean> => {
    const connection = await connectionTo(address);
    const answer = await connection.ask('T', packList([execId, String(initPid ?? ''), startTime]));
    return answer.toString('latin1') === '1';
  };
  return Promise.race([end().catch(() => false), tooLate]);
}

const connections = new Map<string, Promise<Connection>>();

/** The connection to a node: one for all that this process does there. */
async function connectionTo({ node, ssh }: NodeAddress): Promise<Connection> {
  const key = JSON.stringify(ssh);
  const known = connections.get(key);
  if (known !== undefined) {
    const connection = await known;
    if (connection.lost === undefined) return connection;
    if (connections.get(key) !== known) return connectionTo({ node, ssh });
  }
  const made = connectAsRoot(node, ssh);
  connections.set(key, made);
  // One that failed is tried again by the next one.
  made.catch(() => connections.delete(key));
  return made;
}

async function connectAsRoot(node: string, ssh: SshTarget): Promise<Connection> {
  const connection = await connectOverSsh(node, ssh, process.env);
  const { uid, user } = connection.login;
  if (uid === 0) return connection;
  connection.close();
  throw new LxcriError(
    'PermissionDenied',
    `ssh logs in to node ${node} as ${user}, who is not root there`,
    `log in as root (User root in ~/.ssh/config), or let ${user} use sudo there and configure that`,
  );
}
