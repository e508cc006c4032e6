/**
 * The host's side of a microVM without the microVM: a Unix socket that speaks the hybrid protocol of Firecracker and
 * Cloud Hypervisor, and behind it agents that listen on Unix sockets of this host.
 *
 * It is faithful where a client could go wrong: the answer is `OK <port>\n` with a port that the client did not name, a
 * closed port is an end without any answer, and who closes its half has closed the connection (so it is in Firecracker:
 * an end of the client's input becomes a shutdown of both directions).
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratchDirectory } from '../scratch.ts';
import { nextChunk } from './chunk.ts';

/** How connections behave; each as it was when the client came. */
export interface Manner {
  /** The answer comes byte by byte. */
  splitAnswer?: boolean;
  /** The answer comes in one piece with the agent's first bytes. Only for agents that speak first. */
  gluedAnswer?: boolean;
  /** Another answer than the protocol's, with its newline if it is to have one. */
  answer?: string;
  /** The client is never answered, as by a guest that hangs. */
  deaf?: boolean;
  /** In both directions all comes in pieces of so many bytes, one each millisecond. */
  trickle?: number;
  /** The connection ends once the client has got so many of the agent's bytes. */
  diesAfter?: number;
}

export interface Hybrid {
  /** Of the Unix socket. */
  readonly path: string;
  /** How many clients have come so far. */
  readonly accepted: number;
  /** How many connections are open. */
  readonly open: number;
  /** For the clients that come from now on; nothing of what was said before holds. */
  behave(manner: Manner): void;
  /** Which agents listen from now on. */
  listen(agents: Agents): void;
  /** Nothing is passed on any more, and nobody is told: the guest stands still. */
  stall(): void;
  /** Passes on what has come meanwhile. */
  resume(): void;
  /** Ends all connections at once, as when the machine dies. */
  cut(): void;
  stop(): Promise<void>;
}

/** The path of the Unix socket of each agent, by its port in the guest. Other ports are closed. */
export type Agents = Readonly<Record<number, string>>;

/** Done at once, unless the guest stands still. */
type Going = () => Promise<void>;

/** The longest line there is: "CONNECT 4294967295\n". */
const MAX_LINE = 19;
/** As the device of Firecracker, which counts from here for connections that the host makes. */
const FIRST_HOST_PORT = 2 ** 30;

/** Starts one in a directory of its own. What a test does not stop ends with the run. */
export function startHybrid(agents: Agents): Promise<Hybrid> {
  const directory = scratchDirectory();
  const path = join(directory, 'vm.sock');
  const sockets = new Set<Socket>();
  let listening = agents;
  let manner: Manner = {};
  let accepted = 0;
  let stalled = Promise.resolve();
  let letGo: (() => void) | undefined;

  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    stalled = promise;
    return resolve;
  };
  const going: Going = () => stalled;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    // What is lost shows as an end.
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };

  async function serve(client: Socket, hostPort: number, own: Manner): Promise<void> {
    const wish = await readLine(client);
    if (own.deaf === true) {
      // It still sees the client go.
      client.resume();
      return;
    }
    const port = /^CONNECT (\d+)$/.exec(wish ?? '')?.[1];
    const agentPath = port === undefined ? undefined : listening[Number(port)];
    const agent = agentPath === undefined ? undefined : await connected(agentPath, keep);
    if (agent === undefined || client.destroyed) {
      client.destroy();
      agent?.destroy();
      return;
    }
    await going();
    const line = Buffer.from(own.answer ?? `OK ${hostPort}\n`);
    const first = own.gluedAnswer === true ? await nextChunk(agent) : undefined;
    await answer(client, first === undefined ? line : Buffer.concat([line, first]), own.splitAnswer === true);
    const limit = (own.diesAfter ?? Number.POSITIVE_INFINITY) - (first?.length ?? 0);
    await Promise.race([
      pump(agent, client, own.trickle, limit, going),
      pump(client, agent, own.trickle, Number.POSITIVE_INFINITY, going),
    ]);
    for (const socket of [client, agent]) socket.destroySoon();
  }

  const server = createServer((client) => {
    keep(client);
    accepted += 1;
    void serve(client, FIRST_HOST_PORT + accepted, manner);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      resolve({
        path,
        get accepted() {
          return accepted;
        },
        get open() {
          return sockets.size;
        },
        behave: (next) => void (manner = next),
        listen: (next) => void (listening = next),
        stall() {
          letGo ??= hold();
        },
        resume() {
          letGo?.();
          letGo = undefined;
        },
        cut,
        stop: () =>
          new Promise((done) => {
            server.close(() => {
              rmSync(directory, { recursive: true, force: true });
              done();
            });
            letGo?.();
            cut();
          }),
      });
    });
  });
}

/** The first line, without its end; what comes after it stays in the socket. undefined when there is none. */
async function readLine(client: Socket): Promise<string | undefined> {
  let text = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const chunk = await nextChunk(client);
    if (chunk === undefined) return undefined;
    text = Buffer.concat([text, chunk]);
    end = text.indexOf('\n');
    if (end < 0 && text.length >= MAX_LINE) return undefined;
  }
  if (end + 1 < text.length) client.unshift(text.subarray(end + 1));
  return text.toString('latin1', 0, end);
}

/** undefined when nobody listens there. */
function connected(path: string, keep: (socket: Socket) => void): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const agent = connect(path);
    keep(agent);
    agent.once('connect', () => resolve(agent));
    agent.once('close', () => resolve(undefined));
  });
}

async function answer(client: Socket, line: Buffer, split: boolean): Promise<void> {
  for (const piece of split ? [...line].map((byte) => Buffer.of(byte)) : [line]) {
    client.write(piece);
    // oxlint-disable-next-line no-await-in-loop -- so that they do not come as one
    if (split) await sleep(1);
  }
}

/** Passes on until one side ends, or the given number of bytes is through. */
async function pump(from: Socket, to: Socket, trickle: number | undefined, limit: number, going: Going): Promise<void> {
  /* oxlint-disable no-await-in-loop -- one after the other */
  for (let left = limit; left > 0; ) {
    const chunk = await nextChunk(from);
    if (chunk === undefined) break;
    const passed = chunk.subarray(0, Math.min(left, chunk.length));
    left -= passed.length;
    const size = trickle ?? passed.length;
    for (let at = 0; at < passed.length; at += size) {
      await going();
      if (!to.write(passed.subarray(at, at + size))) await drained(to);
      if (trickle !== undefined) await sleep(1);
    }
  }
  /* oxlint-enable no-await-in-loop */
  // Of a guest that stands still, nobody hears an end either.
  await going();
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of ['drain', 'close']) socket.off(event, settle);
      resolve();
    };
    for (const event of ['drain', 'close']) socket.on(event, settle);
    if (socket.destroyed) settle();
  });
}
