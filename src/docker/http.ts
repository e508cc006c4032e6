import type { Duplex } from 'node:stream';

/** A request of the Docker Engine API. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'HEAD';
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Asks for the connection itself, to carry the streams of a command. */
  readonly upgrade?: boolean;
}

/** An answer, as it came. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** The connection has ended before the answer was complete. */
export class BrokenAnswerError extends Error {}

const MAX_HEAD_BYTES = 65_536;
const MAX_BODY_BYTES = 64 * 1024 ** 2;

/**
 * One connection that carries requests one after the other: as much of HTTP/1.1 (RFC 9112) as the Docker Engine API needs.
 * `node:http` alone would be 5 ms of a start, and gives away the connection that a command's streams need half-closed.
 */
export class HttpConnection {
  readonly #stream: Duplex;
  #received: Buffer = Buffer.alloc(0);
  #end: Error | undefined;
  /** Whether the other side has ended it. */
  #hasEnded = false;
  #notify: () => void = () => {};
  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    this.#notify();
  };
  readonly #onError = (error: Error): void => this.#finish(error.message, error);
  readonly #onEnd = (): void => {
    this.#hasEnded ||= this.#end === undefined;
    this.#finish('it was closed');
  };
  readonly #onClose = (): void => this.#finish('it was closed');

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', this.#onData).on('error', this.#onError).on('end', this.#onEnd).on('close', this.#onClose);
  }

  /** Whether a further request can be sent on it. */
  get isOpen(): boolean {
    return this.#end === undefined && this.#received.length === 0;
  }

  /**
   * Sends a request and reads its answer.
   *
   * @throws BrokenAnswerError
   */
  async exchange({ method, path, body, upgrade = false }: HttpRequest): Promise<HttpAnswer> {
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const lines = [
      `${method} ${path} HTTP/1.1`,
      'Host: docker',
      ...(content === undefined
        ? ['Content-Length: 0']
        : ['Content-Type: application/json', `Content-Length: ${content.length}`]),
      ...(upgrade ? ['Connection: Upgrade', 'Upgrade: tcp'] : []),
    ];
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
    this.#stream.write(content === undefined ? head : Buffer.concat([head, content]));
    for (;;) {
      const answer = await this.#readHead();
      // Where an upgrade is answered with success, what follows ends with the command, and may be without an end.
      if (answer.status === 101 || (upgrade && answer.status >= 200 && answer.status < 300))
        return { ...answer, body: Buffer.alloc(0) };
      // Provisional ones say nothing.
      if (answer.status >= 200) return { ...answer, body: await this.#readBody(method, answer) };
    }
  }

  /** Gives the connection away: what has come and was not read is read from it first. */
  release(): Duplex {
    this.#stream
      .off('data', this.#onData)
      .off('error', this.#onError)
      .off('end', this.#onEnd)
      .off('close', this.#onClose);
    this.#stream.pause();
    if (this.#received.length > 0) this.#stream.unshift(this.#received);
    return this.#stream;
  }

  /** @param reason why the answer that is waited for will not come. */
  close(reason = new Error('it was closed')): void {
    this.#finish(reason.message, reason);
    this.#stream.destroy();
  }

  #finish(reason: string, cause?: Error): void {
    this.#end ??= new BrokenAnswerError(reason, { cause });
    this.#notify();
  }

  async #more(): Promise<void> {
    if (this.#end !== undefined) throw this.#end;
    const before = this.#received.length;
    await new Promise<void>((resolve) => (this.#notify = resolve));
    if (this.#received.length === before && this.#end !== undefined) throw this.#end;
  }

  async #readHead(): Promise<Pick<HttpAnswer, 'status' | 'headers'>> {
    let end = this.#received.indexOf('\r\n\r\n');
    while (end === -1) {
      if (this.#received.length > MAX_HEAD_BYTES) throw new BrokenAnswerError('it is no answer of an engine');
      await this.#more();
      end = this.#received.indexOf('\r\n\r\n');
    }
    const [first = '', ...fields] = this.#take(end + 4)
      .toString('latin1')
      .trimEnd()
      .split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})\b/.exec(first)?.[1]);
    if (Number.isNaN(status)) throw new BrokenAnswerError('it is no answer of an engine');
    const headers = fields.map((field): [string, string] => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    });
    return { status, headers: new Map(headers) };
  }

  async #readBody(method: string, { status, headers }: Pick<HttpAnswer, 'status' | 'headers'>): Promise<Buffer> {
    if (method === 'HEAD' || status === 204 || status === 304) return Buffer.alloc(0);
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return this.#readChunks();
    const length = headers.get('content-length');
    if (length !== undefined) return this.#readBytes(Number(length));
    // Ended by the end of the connection.
    while (!this.#hasEnded) {
      if (this.#received.length > MAX_BODY_BYTES) throw new BrokenAnswerError('the answer is too long');
      // oxlint-disable-next-line no-await-in-loop -- one piece after the other
      await this.#more().catch((error: unknown) => {
        if (!this.#hasEnded) throw error;
      });
    }
    return this.#take(this.#received.length);
  }

  async #readChunks(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const size = Number.parseInt(await this.#readLine(), 16);
      if (size === 0) break;
      total += size;
      if (Number.isNaN(size) || total > MAX_BODY_BYTES) throw new BrokenAnswerError('the answer cannot be read');
      chunks.push(await this.#readBytes(size));
      await this.#readLine();
    }
    while ((await this.#readLine()) !== '');
    return Buffer.concat(chunks);
  }

  async #readLine(): Promise<string> {
    let end = this.#received.indexOf('\r\n');
    while (end === -1) {
      if (this.#received.length > MAX_HEAD_BYTES) throw new BrokenAnswerError('the answer cannot be read');
      await this.#more();
      end = this.#received.indexOf('\r\n');
    }
    return this.#take(end + 2)
      .toString('latin1')
      .slice(0, -2);
  }

  async #readBytes(length: number): Promise<Buffer> {
    if (!(length >= 0 && length <= MAX_BODY_BYTES)) throw new BrokenAnswerError('the answer cannot be read');
    while (this.#received.length < length) await this.#more();
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }
}
