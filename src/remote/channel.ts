import type { Readable, Writable } from 'node:stream';

/** How bytes travel to our program on another node and back, whatever carries them. */
export interface Channel {
  /** A process of this host that lives as long as the other side runs what it does for us; where there is one. */
  readonly carrierPid: number | undefined;
  /** To the program's standard input. */
  readonly input: Writable;
  /** From its standard output; what a login prints before it is part of it. */
  readonly output: Readable;
  /**
   * Follows the header and the end of every frame from the program, where others may write in between, as to a terminal (wall(1), the kernel): a
   * secret of the channel, which no command knows. So nothing of theirs, nor of a command, is ever taken for a frame.
   */
  readonly seal?: Uint8Array;
  /** Settles when the channel has ended: what its carrier says of it. Never rejects. */
  readonly ended: Promise<ChannelEnd>;
  /** Ends the channel from our side, and with it all that was started over it and not let go. */
  close(): void;
  /** Ends it at once, whatever is still on its way. */
  abort(): void;
  /** Whether this process is to stay alive for the channel's sake. */
  hold(held: boolean): void;
}

/** Why a channel ended. */
export interface ChannelEnd {
  /** The carrier's exit code, where it is a program. */
  readonly code: number | null;
  /** What it said, in its own words. */
  readonly said: string;
}
