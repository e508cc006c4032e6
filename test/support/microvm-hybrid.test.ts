import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { nextChunk } from './microvm/chunk.ts';
import { dialHybrid } from './microvm/dial.ts';
import { goProgram } from './microvm/go-program.ts';
import { type Hybrid, startHybrid } from './microvm/hybrid.ts';
import { startMicroVm } from './microvm/microvm.ts';
import { needsMicroVm } from './microvm/needs.ts';
import { scratchDirectory } from './scratch.ts';
import { waitFor } from './wait-for.ts';

const ECHO = 2222;
const GREETING = 2300;
const NOBODY = 2224;
const MIB = 1024 * 1024;

/** Agents on Unix sockets of this host: what the double is put in front of. */
class Agents {
  readonly paths: Record<number, string>;
  /** The connections with the one that echoes. */
  readonly echoing = new Set<Socket>();
  readonly #servers: Server[];

  constructor() {
    const directory = scratchDirectory();
    this.paths = { [ECHO]: join(directory, 'echo'), [GREETING]: join(directory, 'greeting') };
    this.#servers = [
      this.#listen(this.paths[ECHO], (socket) => {
        this.echoing.add(socket);
        socket.once('close', () => this.echoing.delete(socket));
        socket.pipe(socket);
      }),
      this.#listen(this.paths[GREETING], (socket) => socket.write('hello from the agent')),
    ];
  }

  #listen(path: string | undefined, serve: (socket: Socket) => void): Server {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      serve(socket);
    });
    return server.listen(path);
  }

  stop(): void {
    for (const socket of this.echoing) socket.destroy();
    for (const server of this.#servers) server.close();
  }
}

interface Spoken {
  path: string;
  stop(): Promise<void>;
}

async function inFrontOfAgents(): Promise<Spoken> {
  const agents = new Agents();
  const hybrid = await startHybrid(agents.paths);
  return {
    path: hybrid.path,
    async stop() {
      await hybrid.stop();
      agents.stop();
    },
  };
}

async function ofAGuest(): Promise<Spoken> {
  const vm = await startMicroVm({ agent: await goProgram('echo-guest') });
  return { path: vm.hybridSocket, stop: () => vm.stop() };
}

/** What the double and the real device have in common. */
for (const [speaker, start, ofTheGuest] of [
  ['the double', inFrontOfAgents, false],
  ['the device of a guest', ofAGuest, true],
] as const) {
  describe(`the hybrid protocol, as ${speaker} speaks it`, function () {
    this.timeout(120_000);
    let spoken: Spoken;

    before(async function () {
      if (ofTheGuest) needsMicroVm(this);
      spoken = await start();
    });

    after(() => spoken?.stop());

    it('answers with a port that the client did not name, and passes on', async () => {
      const client = connect(spoken.path);
      client.write(`CONNECT ${ECHO}\n`);
      const line = await read(client, /\n/);
      expect(line).to.match(/^OK \d+\n$/);
      expect(Number(line.slice(3))).to.be.at.least(2 ** 30);
      client.write('ping\n');
      expect(await read(client, /\n/)).to.equal('ping\n');
      client.destroy();
    });

    it('passes on what comes right after the first line', async () => {
      const client = connect(spoken.path);
      client.write(`CONNECT ${ECHO}\nping`);
      expect(await read(client, /ping/)).to.match(/^OK \d+\nping$/);
      client.destroy();
    });

    for (const [what, said] of [
      ['a port where nobody listens', `CONNECT ${NOBODY}\n`],
      ['a line of another protocol', 'GET / HTTP/1.1\r\n'],
      ['a port that is no number', 'CONNECT agent\n'],
      ['a port that is too great', 'CONNECT 4294967296\n'],
      ['a line without an end', 'x'.repeat(1000)],
    ] as const) {
      it(`ends without an answer after ${what}`, async () => {
        const client = connect(spoken.path);
        client.write(said);
        expect(await nextChunk(client)).to.equal(undefined);
      });
    }
  });
}

describe('the double of a hybrid socket', () => {
  let agents: Agents;
  let hybrid: Hybrid;

  before(async () => {
    agents = new Agents();
    hybrid = await startHybrid(agents.paths);
  });

  afterEach(async () => {
    hybrid.behave({});
    hybrid.listen(agents.paths);
    hybrid.resume();
    hybrid.cut();
    await waitFor(() => hybrid.open === 0, { what: 'all connections to be over' });
  });

  after(async () => {
    await hybrid.stop();
    agents.stop();
  });

  /** The pieces in which what matches comes. */
  async function pieces(port: number, until: RegExp): Promise<string[]> {
    const client = connect(hybrid.path);
    client.write(`CONNECT ${port}\n`);
    const all: string[] = [];
    while (!until.test(all.join(''))) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const chunk = await nextChunk(client);
      if (chunk === undefined) break;
      all.push(chunk.toString());
    }
    client.destroy();
    return all;
  }

  it('can give its answer in pieces', async () => {
    hybrid.behave({ splitAnswer: true });
    const all = await pieces(ECHO, /\n/);
    expect(all.join('')).to.match(/^OK \d+\n$/);
    expect(all.length).to.be.greaterThan(1);
  });

  it('can give its answer in one piece with what the agent says first', async () => {
    hybrid.behave({ gluedAnswer: true });
    const [first] = await pieces(GREETING, /agent$/);
    expect(first).to.match(/^OK \d+\nhello from the agent$/);
  });

  it('can give another answer', async () => {
    hybrid.behave({ answer: 'NO\n' });
    expect(await pieces(ECHO, /\n/)).to.deep.equal(['NO\n']);
  });

  it('can be deaf, and sees its clients go nevertheless', async () => {
    hybrid.behave({ deaf: true });
    const client = connect(hybrid.path);
    client.write(`CONNECT ${ECHO}\n`);
    expect(await Promise.race([nextChunk(client), sleep(100, 'nothing')])).to.equal('nothing');
    expect(hybrid.open).to.equal(1);
    client.destroy();
    await waitFor(() => hybrid.open === 0, { what: 'it to see the end' });
  });

  it('can pass on slowly, and loses nothing', async () => {
    hybrid.behave({ trickle: 100 });
    const client = await dial(ECHO);
    const sent = randomBytes(5000);
    client.write(sent);
    let got = Buffer.alloc(0);
    let count = 0;
    for (; got.length < sent.length; count++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      got = Buffer.concat([got, (await nextChunk(client)) ?? Buffer.alloc(sent.length)]);
    }
    expect(got.equals(sent)).to.equal(true);
    expect(count).to.be.greaterThan(1);
    client.destroy();
  });

  it('can end in the middle of what the agent says', async () => {
    for (const diesAfter of [0, 5]) {
      hybrid.behave({ diesAfter });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const all = await pieces(GREETING, /agent$/);
      expect(all.join('').replace(/^OK \d+\n/, '')).to.equal('hello from the agent'.slice(0, diesAfter));
    }
  });

  it('can stand still, and go on', async () => {
    const client = await dial(ECHO);
    hybrid.stall();
    client.write('ping');
    const answer = nextChunk(client);
    expect(await Promise.race([answer, sleep(100, 'nothing')])).to.equal('nothing');
    hybrid.resume();
    expect(String(await answer)).to.equal('ping');
    client.destroy();
  });

  it('can end all connections at once, on both sides', async () => {
    const clients = await Promise.all([dial(ECHO), dial(ECHO)]);
    await waitFor(() => agents.echoing.size === 2, { what: 'the agent to have both' });
    hybrid.cut();
    expect(await Promise.all(clients.map((client) => nextChunk(client)))).to.deep.equal([undefined, undefined]);
    await waitFor(() => agents.echoing.size === 0, { what: 'the agent to have none' });
  });

  it('takes the end of what a client sends for the end of the connection', async () => {
    const client = await dial(ECHO);
    client.end();
    await waitFor(() => agents.echoing.size === 0, { what: 'the agent to see the end' });
    expect(await nextChunk(client)).to.equal(undefined);
  });

  it('has the agents that it is told to have', async () => {
    hybrid.listen({});
    expect(await dialHybrid(hybrid.path, ECHO)).to.equal(undefined);
    hybrid.listen({ [ECHO]: '/nowhere/to/be/found' });
    expect(await dialHybrid(hybrid.path, ECHO)).to.equal(undefined);
    const before = hybrid.accepted;
    hybrid.listen(agents.paths);
    (await dial(ECHO)).destroy();
    expect(hybrid.accepted).to.equal(before + 1);
  });

  it('does not hold more than a little for a client that does not read', async () => {
    const client = await dial(ECHO);
    client.write(randomBytes(6 * MIB));
    // Another one gets through meanwhile.
    const other = await dial(ECHO);
    other.write(Buffer.alloc(24 * MIB, 'x'));
    for (let left = 24 * MIB; left > 0; ) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      left -= (await nextChunk(other))?.length ?? left;
    }
    expect(client.writableLength).to.be.greaterThan(0);
    other.destroy();
    client.destroy();
  });

  async function dial(port: number): Promise<Socket> {
    const socket = await dialHybrid(hybrid.path, port);
    if (socket === undefined) throw new Error(`nobody at port ${port}`);
    return socket;
  }
});

/** Reads until it matches, or the end. */
async function read(socket: Socket, until: RegExp): Promise<string> {
  let text = '';
  while (!until.test(text)) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const chunk = await nextChunk(socket);
    if (chunk === undefined) break;
    text += chunk.toString();
  }
  return text;
}
