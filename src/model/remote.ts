import type { RawTerminal } from './raw-terminal.ts';
import type { Status } from './status.ts';

/** How a request to start or end a guest ended. */
export interface PowerEnd {
  /** What went wrong, where something did. */
  readonly failure?: string | undefined;
  /** Whether it was only handed on: Proxmox's HA manager does it in its own time. */
  readonly deferred?: boolean;
}

/** What can be done with a guest of another host, by asking its platform over the network. */
export interface RemoteControl {
  /** What it is doing now. No process id: it would be another process on this host. Rejects when it is aborted. */
  status(abort?: AbortSignal): Promise<Status>;
  /** The same, with the lock of its configuration, in one question. */
  now(abort?: AbortSignal): Promise<{ readonly status: Status; readonly lock: string | undefined }>;
  /** Each of these rejects when it is aborted, and with ConnectionLost when it is not known what became of the request. */
  start(abort?: AbortSignal): Promise<PowerEnd>;
  shutdown(seconds: number, abort?: AbortSignal): Promise<PowerEnd>;
  kill(abort?: AbortSignal): Promise<PowerEnd>;
  /** Sends another signal to its init process; absent where the platform has no way. */
  readonly signal?: (name: string, abort?: AbortSignal) => Promise<PowerEnd>;
  /** Its init process by this host's numbering, as of the last look, where it is one of this host. */
  readonly initPid?: () => number | undefined;
}

/** The ways to run a command in a guest over the API of an unmodified Proxmox VE, in the order in which they are tried. */
export const API_ROUTES = ['guest-agent', 'node-shell', 'console'] as const;

/** One of them; also the name of the method that uses it alone. */
export type ApiRoute = (typeof API_ROUTES)[number];

/** How the API of its cluster is used for one guest. */
export interface ApiAccess {
  /** The context that it was found by. */
  readonly context: string;
  /** Of the guest: its node, VMID and kind. */
  readonly node: string;
  readonly vmid: string;
  readonly type: 'lxc' | 'qemu';
  /** What the context lets take part without being named. */
  readonly routes: readonly ApiRoute[];
  /** Whom we are to the server: a shell of a node is had only by a ticket of root@pam. */
  readonly login: 'root-ticket' | 'ticket' | 'token';
  /**
   * One call, below `/api2/json`.
   *
   * @throws LxcriError as the API client.
   */
  call<T>(method: 'GET' | 'POST', path: string, parameters?: Record<string, unknown>, abort?: AbortSignal): Promise<T>;
  /**
   * Why the server's own endpoint for commands, which Proxmox VE has not, is not used; asked once, and remembered.
   *
   * @throws the reason of `abort`.
   */
  execEndpoint(abort?: AbortSignal): Promise<string>;
  /** A fresh shell of the guest's node, as root. */
  openNodeShell(abort?: AbortSignal): Promise<RawTerminal>;
  /** The guest's console: one terminal, shared with everybody who looks at it. */
  openConsole(abort?: AbortSignal): Promise<RawTerminal>;
}
