import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

import { expect } from 'chai';

import type { RawTerminal } from '../../../src/model/raw-terminal.ts';
import type { PasswordCredentials } from '../../../src/proxmox/api/credentials.ts';
import { openTerminal } from '../../../src/proxmox/terminal/open.ts';
import type { TerminalLimits } from '../../../src/proxmox/terminal/open.ts';
import { createCluster } from '../../support/pve/api/cluster.ts';
import type { Cluster } from '../../support/pve/api/cluster.ts';
import { endTerminalsIn } from '../../support/pve/api/leftover-terminals.ts';
import { needsApiDouble } from '../../support/pve/api/needs.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { httpAnswer, openTlsServer } from '../../support/tls-server.ts';
import type { TlsServer } from '../../support/tls-server.ts';
import { waitFor } from '../../support/wait-for.ts';
import { PASSWORD, TOKEN_SECRET, USERS, clientOf, failureOf, pinned, takeRequests } from '../api/clients.ts';

const CT = '/nodes/pve1/lxc/101';
const NODE = '/nodes/pve1';
const LIMITS: TerminalLimits = { openMs: 20_000, intervalMs: 10_000, silenceMs: 30_000 };
const ROOT: PasswordCredentials = { kind: 'password', user: 'root@pam', password: () => Promise.resolve(PASSWORD) };

/** What a terminal has shown so far. */
class Screen {
  #bytes: Buffer[] = [];
  constructor(terminal: RawTerminal) {
    terminal.output.on('data', (chunk: Buffer) => this.#bytes.push(chunk));
  }
  get text(): string {
    return Buffer.concat(this.#bytes).toString('latin1');
  }
  waitFor(pattern: RegExp): Promise<unknown> {
    return waitFor(() => pattern.test(this.text), { what: `${pattern} on ${this.text}`, timeoutMs: 20_000 });
  }
}

describe('openTerminal', () => {
  let cluster: Cluster;
  const open: RawTerminal[] = [];
  const proxies: TcpProxy[] = [];

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      containers: [{ vmid: 101, hostname: 'web', kind: 'busybox', running: true }],
      users: USERS,
      settings: { refusalMs: 200 },
    });
    for (const node of ['pve1', 'pve2'])
      cluster.node(node).tree.putContainer({ vmid: 101, hostname: 'web', cmode: 'shell', node: 'pve1' });
  });

  after(() => cluster?.close());

  beforeEach(() => void takeRequests(cluster));

  afterEach(async () => {
    for (const opened of open.splice(0)) opened.close();
    for (const proxy of proxies.splice(0)) await proxy.stop();
    endTerminalsIn(cluster.node('pve1').lxcpath);
  });

  function client(credentials = {}, port?: number) {
    const host = cluster.host('pve1');
    return clientOf([pinned({ ...host, port: port ?? host.port })], { answerTimeoutMs: 20_000, ...credentials });
  }

  async function terminal(path: string, using = client(), limits = LIMITS) {
    const opened = await openTerminal(using, path, undefined, limits);
    open.push(opened);
    return { opened, screen: new Screen(opened), type: (text: string) => void opened.input.write(text) };
  }

  async function proxied() {
    const proxy = await startTcpProxy('127.0.0.1', cluster.host('pve1').port);
    proxies.push(proxy);
    return { proxy, client: client({}, proxy.port) };
  }

  it('gives a console as bytes, with the size that it is told', async () => {
    const { opened, screen, type } = await terminal(CT);
    await screen.waitFor(/# /);
    opened.resize(123, 45);
    type('stty size; printf "\\303\\274\\n"\n');
    await screen.waitFor(/\n45 123\s+\u00c3\u00bc\r/);
    expect(screen.text).not.to.match(/^OK/);
  });

  it('gives a root shell of a node to root with a ticket', async () => {
    const { screen, type } = await terminal(NODE, client({ credentials: ROOT }));
    await screen.waitFor(/# /);
    type('hostname; id -u\n');
    await screen.waitFor(/pve1\r\n0\r\n/);
  });

  it('types large input whole, and reads large output slowly', async () => {
    const { opened, screen, type } = await terminal(NODE, client({ credentials: ROOT }));
    await screen.waitFor(/# /);
    type('stty raw -echo; echo RE""ADY; head -c 3000000 | md5sum; stty sane; echo DO""NE\n');
    await screen.waitFor(/READY/);
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
    opened.input.write(bytes);
    await screen.waitFor(/DONE/);
    expect(screen.text).to.include(createHash('md5').update(bytes).digest('hex'));
    opened.output.pause();
    type('i=0; while [ $i -lt 60000 ]; do echo line$i; i=$((i+1)); done; echo ALL""DONE\n');
    await new Promise((resolve) => setTimeout(resolve, 200));
    opened.output.resume();
    await screen.waitFor(/ALLDONE/);
    const lines = screen.text.match(/^line\d+/gm) ?? [];
    expect(lines.map((line) => Number(line.slice(4)))).to.deep.equal(Array.from({ length: 60_000 }, (_, i) => i));
  });

  it('goes on with the host that has made the offer, and not with another one', async () => {
    const [first, second] = [cluster.host('pve1'), cluster.host('pve2')];
    const proxy = await startTcpProxy('127.0.0.1', first.port);
    proxies.push(proxy);
    const using = clientOf([pinned({ ...first, port: proxy.port }), pinned(second)], { answerTimeoutMs: 20_000 });
    await using.call('GET', '/version');
    await proxy.stop();
    const { screen } = await terminal(CT, using);
    await screen.waitFor(/# /);
    expect(takeRequests(cluster).map((line) => line.split('?')[0])).to.deep.equal([
      'pve1 GET /version -> 200',
      `pve2 POST ${CT}/termproxy -> 200`,
      `pve2 GET ${CT}/vncwebsocket`,
    ]);
  });

  it('ends when the server closes it, with all that it has shown', async () => {
    const { opened, screen, type } = await terminal(CT);
    await screen.waitFor(/# /);
    type('exit\n');
    expect((await opened.ended).said).to.equal('the server closed it');
    expect(screen.text).to.match(/EOF - dtach terminating/);
  });

  it('ends when the connection is cut, and when nothing is heard any more', async () => {
    const cut = await proxied();
    const one = await terminal(CT, cut.client);
    await one.screen.waitFor(/# /);
    cut.proxy.cut();
    expect((await one.opened.ended).said).to.match(/ECONNRESET|closed/);
    const stalled = await proxied();
    const other = await terminal(CT, stalled.client, { ...LIMITS, intervalMs: 100, silenceMs: 1000 });
    // The terminal is still the one of before, with nothing new to show.
    other.type('\n');
    await other.screen.waitFor(/# /);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(other.opened.input.destroyed, 'a silent terminal whose server answers').to.equal(false);
    stalled.proxy.stall();
    expect((await other.opened.ended).said).to.equal('nothing was heard for 1 s');
  });

  it('ends at once when it is closed from here', async () => {
    const { opened } = await terminal(CT);
    opened.close();
    expect((await opened.ended).said).to.equal('it was closed');
    opened.close();
  });

  it('says what is missing, and that a node lets no token in', async () => {
    const none = clientOf([pinned(cluster.host('pve1'))], {
      credentials: { kind: 'token', id: 'root@pam!none', secret: () => Promise.resolve(TOKEN_SECRET) },
    });
    const denied = await failureOf(openTerminal(none, CT, undefined, LIMITS));
    expect([denied.code, denied.hint]).to.deep.equal([
      'PermissionDenied',
      'give the user or token VM.Console on /vms/101; a token with privilege separation needs it itself',
    ]);
    expect((await failureOf(openTerminal(client(), '/nodes/pve1/lxc/999', undefined, LIMITS))).code).to.equal(
      'ContainerNotFound',
    );
  });

  describe('with a server that does not do as it should', () => {
    const offer = { user: 'root@pam!old', ticket: 'PVEVNC:1::x', port: '5900' };

    /** Answers termproxy, and upgrades as it is told. */
    async function serverThat(onUpgrade: (socket: Duplex, accept: string) => void, data: unknown = offer) {
      const server: TlsServer = await openTlsServer((socket, index) => {
        const request = server.requests[index] ?? '';
        if (request.startsWith('POST')) {
          socket.write(httpAnswer('200 OK', JSON.stringify({ data })));
          return;
        }
        const key = /^sec-websocket-key: (\S+)/im.exec(request)?.[1];
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
        onUpgrade(socket, accept.digest('base64'));
      });
      return server;
    }

    const head = (accept: string): string =>
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: binary\r\n\r\n`;
    const binary = (text: string): Buffer => Buffer.concat([Buffer.from([0x82, text.length]), Buffer.from(text)]);

    async function failing(onUpgrade: (socket: Duplex, accept: string) => void, data?: unknown) {
      const server = await serverThat(onUpgrade, data);
      try {
        return await failureOf(openTerminal(clientOf([pinned(server)]), CT, undefined, { ...LIMITS, openMs: 500 }));
      } finally {
        await server.close();
      }
    }

    it('says that a token may be too new for it when there is no OK', async () => {
      for (const end of [
        (socket: Duplex, accept: string) => socket.end(head(accept)),
        (socket: Duplex, accept: string) => socket.write(head(accept)),
        (socket: Duplex, accept: string) => socket.write(Buffer.concat([Buffer.from(head(accept)), binary('no')])),
      ]) {
        const error = await failing((socket, accept) => void end(socket, accept));
        expect(error.code).to.equal('OperationFailed');
        expect(error.message).to.include('did not let');
        expect(error.hint).to.match(/no token is let in: update the node, or log in as a user/);
      }
      const long = await failing((socket, accept) => void socket.end(head(accept)), {
        ...offer,
        user: `root@pam!${'x'.repeat(60)}`,
      });
      expect(long.hint).to.match(/64 characters/);
    });

    it('takes an OK in pieces, and what follows it at once', async () => {
      const server = await serverThat((socket, accept) => {
        socket.write(head(accept));
        socket.once('data', () => {
          socket.write(binary('O'));
          socket.write(binary('Khello'));
          socket.end(binary(' there'));
        });
      });
      const opened = await openTerminal(clientOf([pinned(server)]), CT, undefined, LIMITS);
      const screen = new Screen(opened);
      await opened.ended;
      expect(screen.text).to.equal('hello there');
      await server.close();
    });

    it('says what it answers instead of a WebSocket', async () => {
      const denied = await failing((socket) =>
        socket.end('HTTP/1.1 401 permission denied - invalid PVEVNC ticket\r\nContent-Length: 0\r\n\r\n'),
      );
      expect(denied.code).to.equal('AuthenticationFailed');
      expect(denied.hint).to.match(/name the nodes themselves/);
      const plain = await failing((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
      expect([plain.code, plain.message]).to.satisfy(
        ([code, message]: string[]) => code === 'PlatformUnreachable' && message?.includes('no WebSocket there'),
      );
      const nothing = await failing((socket) => socket.destroy());
      expect(nothing.code).to.equal('PlatformUnreachable');
      const silent = await failing(() => {});
      expect(silent.code).to.equal('PlatformUnreachable');
    });

    it('acknowledges a small message at once, for a server that waits for that before the next one', async () => {
      const { promise: acknowledged, resolve: acknowledge } = Promise.withResolvers<Buffer>();
      const server = await serverThat((socket, accept) => {
        socket.write(head(accept));
        socket.once('data', () => {
          socket.once('data', acknowledge);
          socket.write(binary('OK'));
          socket.write(binary('hello'));
        });
      });
      const opened = await openTerminal(clientOf([pinned(server)]), CT, undefined, LIMITS);
      opened.output.resume();
      // A pong that nobody has asked for: nobody answers it either (RFC 6455, 5.5.3).
      const pong = await acknowledged;
      expect([pong[0], pong[1], pong.length]).to.deep.equal([0x8a, 0x80, 6]);
      opened.close();
      await server.close();
    });

    it('can be given up before the WebSocket, and before the OK', async () => {
      for (const isUpgraded of [false, true]) {
        const abort = new AbortController();
        const reason = new Error('enough');
        const server = await serverThat((socket, accept) => {
          if (isUpgraded) socket.once('data', () => abort.abort(reason)).write(head(accept));
          else abort.abort(reason);
        });
        const opening = openTerminal(clientOf([pinned(server)]), CT, abort.signal, LIMITS);
        expect(await opening.catch((error: unknown) => error)).to.be.oneOf([reason]);
        await server.close();
      }
    });

    it('refuses an offer that is none', async () => {
      for (const data of [
        null,
        'x',
        {},
        { ...offer, port: '5900&x=1' },
        { ...offer, port: '1e9' },
        { ...offer, ticket: 'a\nb' },
        { ...offer, user: '' },
      ]) {
        const error = await failing((socket) => socket.destroy(), data);
        expect(error.code).to.equal('PlatformUnreachable');
        expect(error.message).to.include('was not understood');
      }
    });
  });
});
