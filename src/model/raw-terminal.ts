import type { Readable, Writable } from 'node:stream';

/** A terminal somewhere else, as the bytes that are typed there and the bytes that come back: echoed, cooked and merged. */
export interface RawTerminal {
  /** What is typed; it takes no more than the way there does. */
  readonly input: Writable;
  readonly output: Readable;
  /** Settles when it has ended: why, in the words of what carried it. Never rejects. */
  readonly ended: Promise<{ readonly said: string }>;
  resize(columns: number, rows: number): void;
  /** Ends the connection at once; it says nothing of what runs in the terminal. */
  close(): void;
  /** Whether this process is to stay alive for its sake. */
  hold(held: boolean): void;
}
