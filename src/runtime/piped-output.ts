import { Readable } from 'node:stream';

import { pump } from '../oci/pump.ts';
import type { Pump } from '../oci/pump.ts';

/** An output stream of the command that a program reads. */
export interface PipedOutput {
  readonly stream: Readable;
  /** Moves what the command writes into the stream, as fast as it is read. */
  readonly pump: (source: Readable) => Pump;
  /** Ends the stream, if it has not ended by itself. */
  readonly end: () => void;
}

/**
 * Makes an output stream for a program. When the command has ended, a reader who has begun is waited for; what nobody has
 * begun to read is kept as far as it fits into the stream, and the rest of it is dropped.
 */
export function pipedOutput(): PipedOutput {
  let makeRoom = (): void => {};
  const stream = new Readable({
    read: () => makeRoom(),
    destroy: (error, done) => {
      makeRoom();
      done(error);
    },
  });
  const take = (chunk: Buffer): Promise<void> | undefined => {
    if (stream.destroyed || stream.push(chunk)) return undefined;
    return new Promise((resolve) => (makeRoom = resolve));
  };
  const end = (): void => void (stream.destroyed || stream.push(null));
  const isUnread = (): boolean => stream.readableFlowing === null && !stream.readableDidRead && !stream.destroyed;
  return {
    stream,
    end,
    pump: (source) => {
      // The command gets SIGPIPE, as locally.
      stream.once('close', () => source.destroy());
      const moving = pump(source, take, isUnread);
      void moving.done.then(end);
      return moving;
    },
  };
}
