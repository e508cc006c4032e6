/** A client of the double's consoles that can be as wrong as a test needs it to be. */
import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { Host } from '../pve/api/cluster.ts';
import { waitFor } from '../wait-for.ts';
import { ask, dataOf } from './ask.ts';
import { connectTo, exchangeOn, type RawAnswer } from './raw-exchange.ts';

export interface Ticket {
  port: string;
  ticket: string;
  user: string;
  upid: string;
}

export interface Received {
  opcode: number;
  payload: Buffer;
}

/** Path of a guest or a node, such as /nodes/vm/lxc/101. */
export async function newTicket(host: Host, path: string, headers: Record<string, string>): Promise<Ticket> {
  return dataOf(await ask(host, `${path}/termproxy`, { method: 'POST', headers })) as Ticket;
}

export function upgradeHead(path: string, { port, ticket }: Ticket, headers: Record<string, string>): string[] {
  return [
    `GET /api2/json${path}/vncwebsocket?port=${port}&vncticket=${encodeURIComponent(ticket)} HTTP/1.1`,
    'Host: 127.0.0.1:8006',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: binary',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
}

/** A whole, masked frame, as the server wants it. */
export function frame(payload: string | Buffer, opcode = 2): Buffer {
  const bytes = Buffer.from(payload);
  const { length } = bytes;
  const size =
    length < 126
      ? Buffer.from([0x80 | length])
      : length < 65_536
        ? Buffer.from([0x80 | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | 127, 0, 0, 0, 0]), uint32(length)]);
  const mask = randomBytes(4);
  const masked = bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | opcode]), size, mask, masked]);
}

/** busybox asks the terminal where its cursor is, and may draw the prompt again. */
// oxlint-disable-next-line no-control-regex -- it is what is shown
const PROMPT = /# (?:\u001b\[(?:6n|J))?$/;

export class ConsoleClient {
  readonly upgrade: RawAnswer;
  readonly ticket: Ticket;
  readonly socket: TLSSocket;
  readonly frames: Received[] = [];
  ended = false;
  #bytes: Buffer;

  private constructor(socket: TLSSocket, upgrade: RawAnswer, ticket: Ticket) {
    this.socket = socket;
    this.upgrade = upgrade;
    this.ticket = ticket;
    this.#bytes = Buffer.from(upgrade.body, 'latin1');
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#read();
    });
    socket.on('end', () => (this.ended = true));
    socket.on('close', () => (this.ended = true));
    socket.on('error', () => {});
  }

  /** Up to the answer to the upgrade; nothing is said yet. */
  static async open(host: Host, path: string, headers: Record<string, string>): Promise<ConsoleClient> {
    const ticket = await newTicket(host, path, headers);
    const socket = await connectTo(host);
    const upgrade = await exchangeOn(socket, upgradeHead(path, ticket, headers));
    return new ConsoleClient(socket, upgrade, ticket);
  }

  /** Up to the OK. */
  static async login(host: Host, path: string, headers: Record<string, string>): Promise<ConsoleClient> {
    const client = await ConsoleClient.open(host, path, headers);
    client.greet();
    await client.waitFor(/^OK/);
    return client;
  }

  greet(opcode = 2): void {
    this.socket.write(frame(`${this.ticket.user}:${this.ticket.ticket}\n`, opcode));
  }

  type(text: string): void {
    this.socket.write(frame(`0:${Buffer.byteLength(text)}:${text}`));
  }

  output(): string {
    return Buffer.concat(this.frames.filter(({ opcode }) => opcode === 2).map(({ payload }) => payload)).toString();
  }

  waitFor(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    return waitFor(() => pattern.exec(this.output()), { what: `the console to show ${pattern}`, timeoutMs }).catch(
      (error: unknown) => {
        throw new Error(`the console shows ${JSON.stringify(this.output())}`, { cause: error });
      },
    );
  }

  /** Waits for the prompt of root's shell; one that was drawn before we came has to be asked for. */
  async prompt(): Promise<void> {
    let askedAt = Date.now();
    const shown = (): boolean => {
      if (PROMPT.test(this.output())) return true;
      if (Date.now() - askedAt > 1000) {
        askedAt = Date.now();
        this.type('\r');
      }
      return false;
    };
    await waitFor(shown, { what: 'the prompt of a shell', timeoutMs: 30_000 });
  }

  waitForText(text: string): Promise<unknown> {
    return waitFor(() => this.output().includes(text), { what: `the console to show ${JSON.stringify(text)}` });
  }

  waitForEnd(timeoutMs = 30_000): Promise<unknown> {
    return waitFor(() => this.ended, { what: 'the end of the connection', timeoutMs });
  }

  close(): void {
    this.socket.destroy();
  }

  /** Servers do not mask. */
  #read(): void {
    for (;;) {
      const [first = 0, short = 0] = this.#bytes;
      const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
      if (this.#bytes.length < 2 + extra) return;
      const size =
        extra === 0 ? short : extra === 2 ? this.#bytes.readUInt16BE(2) : Number(this.#bytes.readBigUInt64BE(2));
      const end = 2 + extra + size;
      if (this.#bytes.length < end) return;
      this.frames.push({ opcode: first & 0x0f, payload: this.#bytes.subarray(2 + extra, end) });
      this.#bytes = this.#bytes.subarray(end);
    }
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
