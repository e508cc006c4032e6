import type { Status } from './status.ts';

/** What a guest is doing now, as its platform tells over the network. */
export interface RemoteStatus {
  readonly status: Status;
  /** Its init process by the numbering of its own host. */
  readonly pid: number | undefined;
}

/** What can be done with a guest of another host, by asking its platform over the network. */
export interface RemoteControl {
  status(): Promise<RemoteStatus>;
  /** Each of these resolves to what went wrong, or to `undefined`, and rejects when it is aborted. */
  start(abort?: AbortSignal): Promise<string | undefined>;
  shutdown(seconds: number, abort?: AbortSignal): Promise<string | undefined>;
  kill(abort?: AbortSignal): Promise<string | undefined>;
}
