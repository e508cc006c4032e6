/** Reading a socket by lines and lengths. */
import type { Socket } from 'node:net';

export class ByteQueue {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;
  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#wake?.();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
  }

  /** Up to a line feed, without it and a carriage return before it. */
  async line(maximum: number): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf('\n');
      if (end > maximum || (end < 0 && this.#bytes.length > maximum)) throw new Error('line too long');
      if (end >= 0) {
        const line = this.#cut(end + 1).toString('latin1');
        return line.replace(/\r?\n$/, '');
      }
      await this.#more();
    }
  }

  async take(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) await this.#more();
    return this.#cut(length);
  }

  /** Stops reading and gives back what was read too much. */
  release(): Buffer {
    this.#socket.off('data', this.#onData);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.#onEnd);
    return this.#cut(this.#bytes.length);
  }

  #cut(length: number): Buffer {
    const head = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return head;
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error('the client has gone');
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }
}
