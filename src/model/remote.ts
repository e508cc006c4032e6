import type { Status } from './status.ts';

/** What can be done with a guest of another host, by asking its platform over the network. */
export interface RemoteControl {
  /** What it is doing now. No process id: it would be another process on this host. */
  status(): Promise<Status>;
  /** Each of these resolves to what went wrong, or to `undefined`, and rejects when it is aborted. */
  start(abort?: AbortSignal): Promise<string | undefined>;
  shutdown(seconds: number, abort?: AbortSignal): Promise<string | undefined>;
  kill(abort?: AbortSignal): Promise<string | undefined>;
}
