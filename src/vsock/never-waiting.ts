import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * A socket on which no write waits, for HTTP/2 to a program that does not read while it cannot write, as socat(1).
 *
 * A session of Node.js reads nothing as long as what it writes has not gone (`Http2Session::MaybeStopReading` in its
 * src/node_http2.cc): with much data both ways the two would wait for each other for ever. What is on its way here the
 * windows of HTTP/2 bound, which are the other side's: 8 MiB of our agent. What is written may wait here after its callback:
 * the session gives us copies (`JSStream::DoWrite` in its src/js_stream.cc).
 */
export class NeverWaiting extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.pause();
    socket.once('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#socket.write(chunk);
    done();
  }

  override _final(done: () => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
