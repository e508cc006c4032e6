import type { ContainerIdentity } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ErrorInfo } from '../../model/errors.ts';
import type { MethodName, Word } from '../../model/request.ts';
import type { ExecResult } from '../../model/result.ts';
import { NodeConfig } from '../../proxmox/node/config.ts';
import type { ExecOptions } from '../execution.ts';
import type { HostInventory } from '../locate.ts';

/** How a detached command is run: it has no terminal and no standard input, and its output goes to files. */
export type DetachedOptions = Pick<
  ExecOptions,
  | 'env'
  | 'workdir'
  | 'user'
  | 'privileged'
  | 'timeoutMs'
  | 'killAfterMs'
  | 'methods'
  | 'preferredMethods'
  | 'node'
  | 'waitForAgentMs'
> & {
  /** Kept of each stream. */
  readonly maxOutputBytes: number;
};

/** What a supervisor needs to know to ask the clusters that its caller would ask. */
export interface ClusterAccess {
  /** The context that was named: then only its cluster is asked. */
  readonly context?: string;
  /** The setting of that name. */
  readonly stateDirectory: string;
}

/** What the caller hands to the supervisor. It holds secrets (values of variables), so it is never a command line. */
export interface DetachedRequest {
  readonly id: string;
  /** The folder of all executions. */
  readonly directory: string;
  /** How long results are kept there, in milliseconds. */
  readonly keepMs: number;
  /** Where containers are looked for on this host. */
  readonly inventory: Pick<HostInventory, 'lxcpaths' | 'pve' | 'closed'>;
  /** How clusters are reached, where they are to be asked as well. */
  readonly clusters?: ClusterAccess;
  /** The caller's variables: ssh and the sources of secrets need them. */
  readonly environment: Readonly<Record<string, string>>;
  /** The container reference as typed. */
  readonly target: string;
  readonly command: readonly Word[];
  readonly options: DetachedOptions;
}

/** What the supervisor answers, once. */
export type Answer =
  | { readonly kind: 'started'; readonly container: ContainerIdentity; readonly method: MethodName; startedAt: string }
  /** Nothing was started, and nothing is kept. */
  | { readonly kind: 'not-started'; readonly result: ExecResult }
  /** A fault of ours. */
  | { readonly kind: 'broken'; readonly stack: string };

/** The request as it travels: one line of JSON. */
interface Wire extends Omit<DetachedRequest, 'inventory' | 'command' | 'options'> {
  readonly inventory: {
    readonly lxcpaths: readonly string[];
    readonly pveDirectory: string;
    readonly closed?: ErrorInfo;
  };
  /** Words that are not valid UTF-8 are base64. */
  readonly command: readonly (string | { readonly base64: string })[];
  readonly options: Omit<DetachedOptions, 'env'> & { readonly env: readonly (readonly [string, string])[] };
}

export function encodeRequest({ inventory, command, options, ...rest }: DetachedRequest): string {
  const { lxcpaths, pve, closed } = inventory;
  const wire: Wire = {
    ...rest,
    inventory: { lxcpaths, pveDirectory: pve.directory, ...(closed === undefined ? {} : { closed: closed.toInfo() }) },
    command: command.map((word) =>
      typeof word === 'string' ? word : { base64: Buffer.from(word).toString('base64') },
    ),
    options: { ...options, env: [...(options.env ?? [])] },
  };
  return `${JSON.stringify(wire)}\n`;
}

export function decodeRequest(line: string): DetachedRequest {
  const { inventory, command, options, ...rest } = JSON.parse(line) as Wire;
  const { lxcpaths, pveDirectory, closed } = inventory;
  const reason = closed === undefined ? {} : { closed: new LxcriError(closed.code, closed.message, closed.hint) };
  return {
    ...rest,
    inventory: { lxcpaths, pve: new NodeConfig(pveDirectory), ...reason },
    command: command.map((word) => (typeof word === 'string' ? word : Buffer.from(word.base64, 'base64'))),
    options: { ...options, env: new Map(options.env) },
  };
}
