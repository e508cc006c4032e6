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
   * the pipe. Gives up at once on a sink that nobody takes anything from. Resolves to whether the stream had not ended by
   * then.
   */
  settle(quietMs: number): Promise<boolean>;
}

const SETTLE_POLL_MS = 20;

/**
 * Moves a stream into a sink, with backpressure. A sink that fails (a closed pipe) closes the stream, so that the
 * command gets SIGPIPE as it would locally.
 *
 * @param isAbandoned whether a sink that is full has nobody who would empty it.
 */
export function pump(source: Readable, sink: Sink, isAbandoned: () => boolean = () => false): Pump {
  // What the sink has not taken yet; while there is something, we are not ready to read.
  let inFlight: Promise<void> | undefined;
  let lastActivity = monotonicMs();
  const end = { reached: false };
  source.on('data', (chunk: Buffer) => {
    lastActivity = monotonicMs();
    const accepted = sink(chunk);
    if (accepted === undefined) return;
    source.pause();
    inFlight = accepted.then(
      () => {
        inFlight = undefined;
        lastActivity = monotonicMs();
        source.resume();
      },
      () => void source.destroy(),
    );
  });
  // A pty answers EIO when its last user is gone: that is its end.
  source.on('error', () => {});
  const ended = new Promise<void>((resolve) => {
    source.on('close', resolve);
    source.on('end', resolve);
  });
  const done = ended
    .then(() => inFlight)
    .then(() => {
      end.reached = true;
    });
  return {
    done,
    async settle(quietMs) {
      lastActivity = Math.max(lastActivity, monotonicMs());
      while (!end.reached) {
        const poll = new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
        await Promise.race([done, poll]);
        if (end.reached) break;
        if (inFlight === undefined ? monotonicMs() - lastActivity >= quietMs : isAbandoned()) break;
      }
      const unfinished = !end.reached;
      if (unfinished) source.destroy();
      return unfinished;
    },
  };
}
