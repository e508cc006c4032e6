/**
 * HTTP as pveproxy speaks it, byte by byte: what Node's own server is too well-behaved for (status lines with any text,
 * answers without a length, two Connection headers, plain HTTP on the port of HTTPS, a connection that goes silent).
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ByteQueue } from './byte-queue.ts';
import type { Certificate } from './certificates.ts';

export interface Head {
  method: string;
  /** Path and query as they came. */
  target: string;
  /** By lower-case name; what came more than once is joined by ", ". */
  headers: ReadonlyMap<string, string>;
}

export interface Reply {
  status: number;
  reason: string;
  headers?: readonly (readonly [string, string])[];
  body?: string | Buffer;
}

/** Takes the connection over; `early` is what the client has sent already. */
export type Takeover = (socket: Socket, early: Buffer) => void;

export interface WireHandlers {
  /** The body is read only when asked for: pveproxy checks who asks before it takes what is sent. */
  handle(head: Head, readBody: () => Promise<Buffer>): Promise<Reply | Takeover>;
  /** An idle connection is closed after this long. */
  idleMs(): number;
}

export interface Wire {
  readonly port: number;
  /** From now on new connections get this certificate. */
  use(certificate: Certificate): void;
  /** Accepts connections, and says nothing on them. */
  setSilent(silent: boolean): void;
  /** Stops listening and drops all connections; `listen` takes the same port again. */
  close(): Promise<void>;
  listen(): Promise<void>;
}

const TLS_HANDSHAKE = 0x16;
const MAX_HEADERS = 64;
const MAX_HEADER_BYTES = 8 * 1024;

export async function openWire(certificate: Certificate, handlers: WireHandlers): Promise<Wire> {
  const tls = createTlsServer({ cert: certificate.cert, key: certificate.key });
  const sockets = new Set<Socket>();
  let silent = false;
  let port = 0;
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away is no error of ours.
    socket.on('error', () => socket.destroy());
  };
  tls.on('secureConnection', (socket) => {
    track(socket);
    void serve(socket, handlers);
  });
  const server: Server = createServer((socket) => {
    track(socket);
    if (!silent) {
      socket.once('readable', () => {
        const first = socket.read() as Buffer | null;
        if (first === null) return;
        socket.unshift(first);
        if (first[0] === TLS_HANDSHAKE) tls.emit('connection', socket);
        else void serve(socket, { ...handlers, handle: redirectToHttps });
      });
    }
  });
  const listen = async (): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  await listen();
  return {
    port,
    listen,
    use: ({ cert, key }) => tls.setSecureContext({ cert, key }),
    setSilent(value) {
      silent = value;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function serve(socket: Socket, handlers: WireHandlers): Promise<void> {
  const input = new ByteQueue(socket);
  const gone = new Promise((resolve) => socket.once('close', resolve));
  const closeIdle = (): void => void socket.destroy();
  socket.on('timeout', closeIdle);
  try {
    for (;;) {
      socket.setTimeout(handlers.idleMs());
      const head = await readHead(input);
      socket.setTimeout(0);
      const length = Number(head.headers.get('content-length') ?? 0);
      let left = length;
      const answer = await handlers.handle(head, () => ((left = 0), input.take(length)));
      if (typeof answer === 'function') {
        // Who takes it over has a clock of its own.
        socket.off('timeout', closeIdle);
        answer(socket, input.release());
        return;
      }
      const keepAlive = answer.status < 400 && left === 0 && !/close/i.test(head.headers.get('connection') ?? '');
      socket.write(replyBytes(answer, keepAlive));
      if (!keepAlive) {
        socket.end();
        await gone;
        return;
      }
    }
  } catch {
    // The client has gone, or what it sent is no HTTP: pveproxy says nothing to that, and closes when it is idle.
    if (!socket.destroyed) socket.setTimeout(handlers.idleMs());
  }
}

async function readHead(input: ByteQueue): Promise<Head> {
  let line = '';
  // Empty lines before a request are ignored.
  while (line === '') line = await input.line(MAX_HEADER_BYTES);
  const [, method = '', target = ''] = /^(\S+) (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
  if (method === '') throw new Error('bad request line');
  const headers = new Map<string, string>();
  let size = 0;
  for (let count = 1; ; count += 1) {
    const header = await input.line(MAX_HEADER_BYTES);
    if (header === '') return { method, target, headers };
    size += header.length;
    if (count >= MAX_HEADERS || size >= MAX_HEADER_BYTES) throw new Error('too many header lines, or too long ones');
    const [, name = '', value = ''] = /^([^:\s]+)\s*:\s*(.*)$/.exec(header) ?? [];
    const key = name.toLowerCase();
    const former = headers.get(key);
    headers.set(key, former === undefined ? value : `${former}, ${value}`);
  }
}

/** Content-Length only where there is content, and each answer says that it must not be kept. */
function replyBytes({ status, reason, headers = [], body = '' }: Reply, keepAlive: boolean): Buffer {
  const content = Buffer.from(body);
  const date = new Date().toUTCString();
  const lines = [
    `HTTP/1.1 ${status} ${reason}`,
    'Cache-Control: max-age=0',
    ...headers.filter(([name]) => keepAlive && name === 'Connection').map(([, value]) => `Connection: ${value}`),
    `Connection: ${keepAlive ? 'Keep-Alive' : 'close'}`,
    `Date: ${date}`,
    'Pragma: no-cache',
    'Server: pve-api-daemon/3.0',
    ...(content.length === 0 ? [] : [`Content-Length: ${content.length}`]),
    ...headers.filter(([name]) => name !== 'Connection').map(([name, value]) => `${name}: ${value}`),
    `Expires: ${date}`,
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(lines.join('\r\n')), content]);
}

function redirectToHttps({ method, target, headers }: Head): Promise<Reply> {
  const location: [string, string] = ['Location', `https://${headers.get('host') ?? 'localhost'}${target}`];
  const permanent = method === 'GET' || method === 'HEAD';
  return Promise.resolve({
    status: permanent ? 301 : 308,
    reason: permanent ? 'Moved Permanently' : 'Permanent Redirect',
    headers: [location],
  });
}
