/** What a console's client sends: `0:LENGTH:BYTES`, `1:COLUMNS:ROWS:`, `2`. A stream: messages may come in pieces. */

export interface InputHandlers {
  data(bytes: Buffer): void;
  resize(columns: number, rows: number): void;
}

const COLON = 0x3a;
const [INPUT, RESIZE] = [0x30, 0x31];

export class InputParser {
  readonly #handlers: InputHandlers;
  #bytes = Buffer.alloc(0);
  #started = false;

  constructor(handlers: InputHandlers) {
    this.#handlers = handlers;
  }

  /** Until now everything is kept. */
  start(): void {
    this.#started = true;
    this.write(Buffer.alloc(0));
  }

  write(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#started && this.#bytes.length > 0 && this.#takeOne());
  }

  /** False when the message is not complete yet. What is no message is skipped, byte by byte. */
  #takeOne(): boolean {
    const kind = this.#bytes[0];
    if (kind === INPUT && this.#has(1)) return this.#takeInput();
    if (kind === RESIZE && this.#has(1)) return this.#takeResize();
    if ((kind === INPUT || kind === RESIZE) && this.#bytes.length < 2) return false;
    this.#bytes = this.#bytes.subarray(1);
    return true;
  }

  #takeInput(): boolean {
    const end = this.#bytes.indexOf(COLON, 2);
    if (end < 0) return false;
    const length = Number(this.#bytes.subarray(2, end).toString());
    const from = end + 1;
    if (this.#bytes.length < from + length) return false;
    this.#handlers.data(this.#bytes.subarray(from, from + length));
    this.#bytes = this.#bytes.subarray(from + length);
    return true;
  }

  #takeResize(): boolean {
    const middle = this.#bytes.indexOf(COLON, 2);
    const end = middle < 0 ? -1 : this.#bytes.indexOf(COLON, middle + 1);
    if (end < 0) return false;
    const [columns, rows] = this.#bytes.subarray(2, end).toString().split(':').map(Number);
    this.#handlers.resize(columns ?? 0, rows ?? 0);
    this.#bytes = this.#bytes.subarray(end + 1);
    return true;
  }

  #has(index: number): boolean {
    return this.#bytes[index] === COLON;
  }
}
