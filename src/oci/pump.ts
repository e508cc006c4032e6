import type { Readable } from 'node:stream';

import { monotonicMs } from './monotonic.ts';

/** Takes chunks; a promise means "wait before the next one". */
export type Sink = (chunk: Buffer) => Promise<void> | void;

/** A stream of the command on its way to its sink. */
export interface Pump {
  /** Resolves when everything has arrived; never rejects. */
  readonly done: Promise<void>;
  /**
   * Gives up once nothing has come for this long while we were ready to read: a process that outlived the command holds
   * the pipe. Resolves to whether the stream had not ended by then.
   */
  settle(quietMs: number): Promise<boolean>;
}

const SETTLE_POLL_MS = 20;

/**
 * Moves a stream into a sink, with backpressure. A sink that fails (a closed pipe) closes the stream, so that the
 * command gets SIGPIPE as it would locally.
 */
export function pump(source: Readable, sink: Sink): Pump {
  let waiting = false;
  let lastActivity = monotonicMs();
  const end = { reached: false };
  const done = new Promise<void>((resolve) => {
    source.on('data', (chunk: Buffer) => {
      lastActivity = monotonicMs();
      const accepted = sink(chunk);
      if (accepted === undefined) return;
      waiting = true;
      source.pause();
      accepted.then(
        () => {
          waiting = false;
          lastActivity = monotonicMs();
          source.resume();
        },
        () => source.destroy(),
      );
    });
    // A pty answers EIO when its last user is gone: that is its end.
    source.on('error', () => {});
    source.on('close', resolve);
    source.on('end', () => (waiting ? source.once('resume', resolve) : resolve()));
  }).then(() => {
    end.reached = true;
  });
  return {
    done,
    async settle(quietMs) {
      lastActivity = Math.max(lastActivity, monotonicMs());
      while (!end.reached) {
        const poll = new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
        await Promise.race([done, poll]);
        if (end.reached || (!waiting && monotonicMs() - lastActivity >= quietMs)) break;
      }
      const unfinished = !end.reached;
      if (unfinished) source.destroy();
      return unfinished;
    },
  };
}
