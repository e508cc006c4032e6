/** One method of the API: where it is found, who may call it, and what it does. */
import type { Caller } from './access/accounts.ts';
import type { RawParameters } from './form.ts';
import type { NodeState } from './node-state.ts';
import type { ParameterTable } from './parameters.ts';
import type { Settings } from './settings.ts';
import type { ClusterState } from './state.ts';
import type { Takeover } from './wire.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Call {
  readonly cluster: ClusterState;
  /** Which node answers. */
  readonly node: NodeState;
  readonly caller: Caller;
  /** Checked, those of the path among them. */
  readonly parameters: RawParameters;
  /** Calls another method as the same caller, for those that do several at once. */
  readonly dispatch: (method: Method, path: string, parameters: RawParameters) => Promise<unknown>;
}

/** Data with what is told beside it. */
export class Listing {
  readonly data: unknown;
  readonly total: number;

  constructor(data: unknown, total: number) {
    this.data = data;
    this.total = total;
  }
}

/**
 * `world`: without any credentials. `all`: every known caller. `root@pam`: that user itself, and no token of it.
 * Otherwise the privilege on the path, in which `{name}` is a parameter.
 */
export type Access = 'world' | 'all' | 'root@pam' | { readonly path: string; readonly privilege: string };

export interface Endpoint {
  readonly method: Method;
  readonly path: string;
  /** May depend on the version that the double is like. */
  readonly access: Access | ((settings: Settings) => Access);
  readonly parameters?: ParameterTable;
  /** Not for API tokens. */
  readonly needsTicket?: true;
  /** Done by pvedaemon behind pveproxy, which shows in the answer's headers. */
  readonly protected?: true;
  /** Answered by the node that is asked, whatever node the path names. */
  readonly local?: true;
  readonly run: (call: Call) => unknown;
  /** What follows when it is asked to become a WebSocket. `undefined`: nothing listens there. */
  readonly upgrade?: (call: Call, key: string, protocol: string | undefined) => Takeover;
}

export interface Route {
  readonly endpoint: Endpoint;
  /** The parameters that stand in the path. */
  readonly inPath: RawParameters;
}

export function findRoute(endpoints: readonly Endpoint[], method: string, path: string): Route | undefined {
  for (const endpoint of endpoints) {
    if (endpoint.method !== method) continue;
    const match = patternOf(endpoint.path).exec(path);
    if (match !== null) return { endpoint, inPath: { ...match.groups } };
  }
  return undefined;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}/?$`);
}
