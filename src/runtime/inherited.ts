import { PassThrough, Writable } from 'node:stream';

import type { Input, Output } from '../oci/stdio.ts';
import { standardInput, standardOutput } from '../process/standard-streams.ts';

/**
 * This program's own streams, offered to the command. They are only touched where their descriptors cannot be handed over
 * as they are, which is so at a terminal; {@link Inherited.release} leaves them as they were.
 */
export class Inherited {
  readonly #undo: (() => void)[] = [];

  input(): Input {
    return {
      fd: 0,
      stream: () => {
        const stdin = standardInput();
        const relay = new PassThrough();
        const wasFlowing = stdin.readableFlowing === true;
        stdin.pipe(relay);
        this.#undo.push(() => {
          stdin.unpipe(relay);
          if (!wasFlowing) stdin.pause();
        });
        return relay;
      },
    };
  }

  output(fd: 1 | 2): Output {
    return {
      fd,
      stream: () => {
        const own = standardOutput(fd);
        const ignore = (): void => {};
        // The relay hears of an error by the callback of its write.
        own.on('error', ignore);
        this.#undo.push(() => own.off('error', ignore));
        return new Writable({ write: (chunk: Buffer, _encoding, done) => void own.write(chunk, done) });
      },
    };
  }

  release(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }
}
