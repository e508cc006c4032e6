import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { expect } from 'chai';

import { withLimit } from '../../support/limits.ts';
import { amount, list, object } from '../../../src/proxmox/api/shape.ts';
import { createCluster } from '../../support/pve/api/cluster.ts';
import type { Cluster } from '../../support/pve/api/cluster.ts';
import { httpAnswer, openTlsServer } from '../../support/tls-server.ts';
import type { TlsServer } from '../../support/tls-server.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TOKEN, TOKEN_SECRET, USERS, byAuthority, clientOf, failureOf, pinned, takeRequests } from './clients.ts';

const VERSION = httpAnswer('200 OK', '{"data":{"version":"9.2.11"}}');
const START = '/nodes/pve1/lxc/101/status/start';

describe('ApiClient', () => {
  describe('with a cluster', () => {
    let cluster: Cluster;

    before(async () => {
      cluster = await createCluster({
        nodes: ['pve1', 'pve2'],
        users: USERS,
        containers: [{ vmid: 101 }, { vmid: 102, node: 'pve2' }],
        settings: { refusalMs: 100, forwardMs: 300 },
      });
    });

    after(() => cluster.close());

    beforeEach(async () => {
      for (const { node } of cluster.hosts) await cluster.setNode(node, 'online');
      takeRequests(cluster);
    });

    const both = () => cluster.hosts.map((host) => pinned(host));

    it('reads with a token', async () => {
      expect(await clientOf(both()).call('GET', '/version'))
        .to.have.property('version')
        .that.matches(/^9\./);
    });

    it('sends parameters of reads in the query', async () => {
      const client = clientOf(both());
      const guests = await client.call<{ vmid: number }[]>('GET', '/cluster/resources', { type: 'vm', x: undefined });
      expect(guests.map(({ vmid }) => vmid)).to.have.members([101, 102]);
      expect(takeRequests(cluster)).to.deep.equal(['pve1 GET /cluster/resources?type=vm -> 200']);
    });

    it('reads from the next host when one refuses connections, and stays there', async () => {
      await cluster.setNodeOffline('pve1');
      const client = clientOf(both());
      await client.call('GET', '/version');
      await cluster.setNode('pve1', 'online');
      await client.call('GET', '/version');
      expect(takeRequests(cluster)).to.deep.equal(['pve2 GET /version -> 200', 'pve2 GET /version -> 200']);
    });

    it('reads from the next host when one takes connections and says nothing', async () => {
      await cluster.setNode('pve1', 'silent');
      const begin = performance.now();
      const call = (connectTimeoutMs: number) =>
        clientOf(both(), { connectTimeoutMs })
          .call('GET', '/version')
          .then(
            () => 'an answer',
            (error: Error) => error.message,
          );
      expect(await withLimit(200, call, (outcome) => outcome === 'an answer')).to.equal('an answer');
      expect(performance.now() - begin).to.be.above(190);
    });

    it('reads from the next host when one shows another certificate, which sees no request', async () => {
      await cluster.setNode('pve1', 'mistrusted');
      await clientOf(both()).call('GET', '/version');
      expect(takeRequests(cluster)).to.deep.equal(['pve2 GET /version -> 200']);
    });

    it('changes something by way of the next host when the first one cannot be reached at all', async () => {
      await cluster.setNodeOffline('pve1');
      const error = await failureOf(clientOf(both()).call('POST', '/nodes/pve2/lxc/102/bogus'));
      expect(error.message).to.include('not implemented');
      expect(takeRequests(cluster)).to.deep.equal(['pve2 POST /nodes/pve2/lxc/102/bogus -> 501']);
    });

    it('names every host when none can be reached', async () => {
      await cluster.setNodeOffline('pve1');
      await cluster.setNodeOffline('pve2');
      const error = await failureOf(clientOf(both()).call('GET', '/version'));
      expect(error.code).to.equal('PlatformUnreachable');
      for (const { port } of cluster.hosts) expect(error.message).to.include(`127.0.0.1:${port} cannot be reached`);
    });

    it('says in whose words a node cannot be reached from another one', async () => {
      await cluster.setNodeOffline('pve2');
      const refused = await failureOf(clientOf(both()).call('GET', '/nodes/pve2/lxc/102/status/current'));
      expect(refused.code).to.equal('PlatformUnreachable');
      expect(refused.message).to.match(/cannot reach that node \(595 Connection refused\)/);
      await cluster.setNode('pve2', 'silent');
      const silent = await failureOf(clientOf(both()).call('GET', '/nodes/pve2/lxc/102/status/current'));
      expect(silent.message).to.match(/cannot reach that node \(596 Connection timed out\)/);
      await cluster.setNode('pve2', 'mistrusted');
      const mistrusted = await failureOf(clientOf(both()).call('GET', '/nodes/pve2/lxc/102/status/current'));
      expect(mistrusted.message).to.match(/596 .*certificate verify failed/);
    });

    it('does not send again what another node may have done', async () => {
      await cluster.setNode('pve2', 'silent');
      const error = await failureOf(clientOf(both()).call('POST', '/nodes/pve2/lxc/102/status/start'));
      expect(error.message).to.include('596');
      expect(takeRequests(cluster).filter((line) => line.startsWith('pve1 POST'))).to.have.length(1);
    });

    it('maps what the server says to errors of ours, in its own words', async () => {
      const client = clientOf(both());
      const cases = [
        [
          'GET',
          '/nodes/pve1/lxc/999/status/current',
          'ContainerNotFound',
          /nodes\/pve1\/lxc\/999.conf' does not exist/,
        ],
        ['GET', '/nodes/nosuch/lxc', 'PlatformUnreachable', /no node "nosuch" in the cluster/],
        ['GET', '/nodes/pve1/lxc?bogus=1', 'OperationFailed', /Parameter verification failed.; bogus: property is not/],
        ['POST', '/nodes/pve1/lxc/101/exec', 'OperationFailed', /Method 'POST .*exec' not implemented/],
      ] as const;
      for (const [method, path, code, says] of cases) {
        const error = await failureOf(client.call(method, path));
        expect({ path, code: error.code }).to.deep.equal({ path, code });
        expect(error.message).to.match(says);
        expect(error.message).not.to.include('\n');
      }
    });

    it('names the privilege and the path that are missing', async () => {
      const credentials = { ...TOKEN, id: 'root@pam!none' };
      const error = await failureOf(clientOf(both(), { credentials }).call('POST', START));
      expect(error.code).to.equal('PermissionDenied');
      expect(error.message).to.include('Permission check failed (/vms/101, VM.PowerMgmt)');
      expect(error.hint).to.include('VM.PowerMgmt on /vms/101');
    });

    it('says that a token is refused, without its secret, after one request', async () => {
      const secret = 'wrong-secret';
      const credentials = { ...TOKEN, secret: () => Promise.resolve(secret) };
      const error = await failureOf(clientOf(both(), { credentials }).call('GET', '/version'));
      expect(error.code).to.equal('AuthenticationFailed');
      expect(error.message).to.include('root@pam!full').and.to.include('Authentication failed!');
      expect(`${error.message} ${error.hint}`).not.to.include(secret);
      expect(takeRequests(cluster)).to.have.length(1);
    });

    it('sends no secret that could end its header', async () => {
      const secret = `${TOKEN_SECRET}\r\nX-Evil: 1`;
      const credentials = { ...TOKEN, secret: () => Promise.resolve(secret) };
      const error = await failureOf(clientOf(both(), { credentials }).call('GET', '/version'));
      expect(error.code).to.equal('AuthenticationFailed');
      expect(error.message).not.to.include(TOKEN_SECRET);
      expect(takeRequests(cluster)).to.deep.equal([]);
    });
  });

  describe('with a server of any kind', () => {
    let server: TlsServer;

    afterEach(() => server.close());

    it('uses one connection for several reads, and each has its headers', async () => {
      server = await openTlsServer((socket) => socket.write(VERSION));
      const client = clientOf([byAuthority(server)]);
      for (let count = 0; count < 3; count += 1) await client.call('GET', '/version');
      client.close();
      expect(server.connections()).to.equal(1);
      for (const request of server.requests) {
        expect(request).to.match(/^GET \/api2\/json\/version HTTP\/1.1\r\n/);
        expect(request).to.include(`PVEAPIToken=root@pam!full=${TOKEN_SECRET}\r\n`);
      }
    });

    it('sends the length of every body, also of an empty one, and never in chunks', async () => {
      server = await openTlsServer((socket) => socket.write(VERSION));
      const client = clientOf([byAuthority(server)]);
      await client.call('POST', START);
      await client.call('PUT', '/x', { a: 'ü;&=', b: true, c: 2, d: undefined });
      await client.call('DELETE', '/x', { purge: true });
      const [post, put, remove] = server.requests;
      expect(post).to.match(/\r\ncontent-length: 0\r\n/i);
      const body = 'a=%C3%BC%3B%26%3D&b=1&c=2';
      expect(put).to.match(new RegExp(`\\r\\ncontent-length: ${body.length}\\r\\n`, 'i'));
      expect(put?.endsWith(`\r\n\r\n${body}`)).to.equal(true);
      expect(remove)
        .to.match(/^DELETE \/api2\/json\/x\?purge=1 /)
        .and.not.to.match(/content-length/i);
      for (const request of server.requests) expect(request).not.to.match(/chunked/i);
    });

    it('never sends a change on a connection that was used before', async () => {
      server = await openTlsServer((socket) => socket.write(VERSION));
      const client = clientOf([byAuthority(server)]);
      await client.call('GET', '/version');
      await client.call('POST', START);
      await client.call('POST', START);
      expect(server.connections()).to.equal(3);
    });

    for (const [what, answer] of [
      ['nothing', ''],
      ['half of a head', 'HTTP/1.1 200 O'],
      ['half of a body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data"'],
    ] as const) {
      it(`sends a change once when the server dies after ${what}: the connection is lost`, async () => {
        server = await openTlsServer((socket) => socket.write(answer, () => socket.destroy()));
        const hosts = [byAuthority(server), byAuthority(server, 'localhost')];
        const error = await failureOf(clientOf(hosts).call('POST', START));
        expect(error.code).to.equal('ConnectionLost');
        expect(error.exitCode).to.equal(255);
        expect(error.message).to.include(`POST ${START}`);
        expect(server.requests).to.have.length(1);
      });

      it(`reads from each host once when the server dies after ${what}`, async () => {
        server = await openTlsServer((socket) => socket.write(answer, () => socket.destroy()));
        const hosts = [byAuthority(server), byAuthority(server, 'localhost')];
        const error = await failureOf(clientOf(hosts).call('GET', '/version'));
        expect(error.code).to.equal('PlatformUnreachable');
        expect(server.requests).to.have.length(2);
      });
    }

    it('reads again on a new connection when the kept one dies with the request', async () => {
      server = await openTlsServer((socket, index) => (index === 1 ? socket.destroy() : socket.write(VERSION)));
      const client = clientOf([byAuthority(server)]);
      await client.call('GET', '/version');
      expect(await client.call('GET', '/version')).to.deep.equal({ version: '9.2.11' });
      expect(server.requests).to.have.length(3);
    });

    it('gives up on an answer that does not come, or does not end, in time', async () => {
      const answers = ['', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n'];
      let dripping: NodeJS.Timeout | undefined;
      server = await openTlsServer((socket, index) => {
        socket.write(answers[index % 2] ?? '');
        // A byte now and then is no answer either.
        if (index % 2 === 1) dripping = setInterval(() => socket.write(' '), 50);
      });
      const client = clientOf([byAuthority(server)], { answerTimeoutMs: 300 });
      for (const [method, code] of [
        ['GET', 'PlatformUnreachable'],
        ['GET', 'PlatformUnreachable'],
        ['POST', 'ConnectionLost'],
        ['POST', 'ConnectionLost'],
      ] as const) {
        const begin = performance.now();
        const error = await failureOf(client.call(method, '/x'));
        clearInterval(dripping);
        expect(error.code).to.equal(code);
        expect(error.message).to.include('no answer within 300 ms');
        expect(performance.now() - begin).to.be.within(290, 4500);
      }
      expect(server.requests).to.have.length(4);
    });

    for (const [what, begin] of [
      ['an answer', ''],
      ['the end of an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{'],
    ] as const) {
      it(`ends waiting for ${what} when it is told to, with the reason, and does not ask elsewhere`, async () => {
        for (const method of ['GET', 'POST'] as const) {
          // oxlint-disable-next-line no-await-in-loop -- one server after the other
          server = await openTlsServer((socket) => socket.write(begin));
          const hosts = [byAuthority(server), byAuthority(server, 'localhost')];
          const reason = new Error('enough');
          const stop = new AbortController();
          const client = clientOf(hosts, { answerTimeoutMs: 60_000 });
          const call = client.call(method, '/x', {}, stop.signal).catch((error: unknown) => error);
          // oxlint-disable-next-line no-await-in-loop -- one server after the other
          await waitFor(() => server.requests.length === 1, { what: 'the request', timeoutMs: 20_000 });
          stop.abort(reason);
          // oxlint-disable-next-line no-await-in-loop -- one server after the other
          expect(await call).to.equal(reason);
          expect(server.requests).to.have.length(1);
          // oxlint-disable-next-line no-await-in-loop -- one server after the other
          if (method === 'GET') await server.close();
        }
      });
    }

    it('sends nothing once it is told to end, not even while it connects', async () => {
      server = await openTlsServer((socket) => socket.write(VERSION));
      const reason = new Error('enough');
      const client = clientOf([byAuthority(server)]);
      const failed = (call: Promise<unknown>) => call.catch((error: unknown) => error);
      expect(await failed(client.call('POST', START, {}, AbortSignal.abort(reason)))).to.equal(reason);
      expect(server.connections()).to.equal(0);
      const stop = new AbortController();
      const call = failed(client.call('POST', START, {}, stop.signal));
      await waitFor(() => server.connections() === 1 || stop.abort(reason) === undefined, { what: 'the end' });
      expect(await call).to.equal(reason);
      // The next one has a connection of its own, and comes after all that the first one could have sent.
      await client.call('GET', '/version');
      expect(server.requests.map((request) => request.split(' ', 1)[0])).to.deep.equal(['GET']);
    });

    it('ends waiting for a secret', async () => {
      server = await openTlsServer((socket) => socket.write(VERSION));
      const reason = new Error('enough');
      const never = (): Promise<string> => new Promise(() => {});
      for (const credentials of [
        { ...TOKEN, secret: never },
        { kind: 'password', user: 'a@pve', password: never },
      ] as const) {
        const stop = new AbortController();
        const call = clientOf([byAuthority(server)], { credentials }).call('GET', '/x', {}, stop.signal);
        stop.abort(reason);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        expect(await call.catch((error: unknown) => error)).to.equal(reason);
      }
      expect(server.requests).to.deep.equal([]);
    });

    it('says who gave an answer that is not understood, and that a change may have been done', async () => {
      server = await openTlsServer((socket) => socket.write(httpAnswer('200 OK', '{"data":{"a":[1,"x"]}}')));
      const client = clientOf([byAuthority(server)]);
      const read = object({ a: list(amount) });
      const get = await failureOf(client.ask(read, 'GET', '/x'));
      expect(get.code).to.equal('PlatformUnreachable');
      expect(get.message).to.equal(
        `the answer of 127.0.0.1:${server.port} was not understood (GET /x: a[1] is no number)`,
      );
      const post = await failureOf(client.ask(read, 'POST', '/x'));
      expect([post.code, post.exitCode]).to.deep.equal(['ConnectionLost', 255]);
      expect(post.hint).to.include('it may have been done');
    });

    it('stops reading an answer without end', async () => {
      const piece = Buffer.alloc(1024 * 1024, ' ');
      server = await openTlsServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n');
        // A failed write is told before the socket is destroyed: to write again then would never end.
        const more = (error?: Error | null): void => {
          if (error === undefined || error === null) socket.write(piece, more);
        };
        more();
      });
      const error = await failureOf(clientOf([byAuthority(server)], { answerTimeoutMs: 20_000 }).call('GET', '/x'));
      expect(error.message).to.include('the answer is too large');
      await waitFor(() => server.connections() === 1, { what: 'the end' });
    });

    for (const [what, answer] of [
      ['a page', httpAnswer('200 OK', '<html>')],
      ['404', httpAnswer('404 Not Found', '<html>')],
      ['301', 'HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n'],
      ['502 of a proxy', httpAnswer('502 Bad Gateway', '<html>')],
      ['no HTTP', '220 mail.example ESMTP\r\n'],
    ]) {
      it(`says that a server is none of Proxmox VE when it answers ${what}`, async () => {
        server = await openTlsServer((socket) => socket.write(answer as string));
        const error = await failureOf(clientOf([byAuthority(server)]).call('GET', '/version'));
        expect(error.code).to.equal('PlatformUnreachable');
        expect(error.hint).to.match(/port 8006|check the address/);
        if (what === 'no HTTP') expect(error.message).to.match(/does not speak HTTP as we do \(invalid constant\)/);
        expect(server.requests).to.have.length(1);
      });
    }

    it('reads a reason phrase as UTF-8', async () => {
      server = await openTlsServer((socket) =>
        socket.write('HTTP/1.1 500 Größe überschritten\r\nContent-Length: 0\r\n\r\n'),
      );
      const error = await failureOf(clientOf([byAuthority(server)]).call('GET', '/x'));
      expect(error.message).to.equal('GET /x: Größe überschritten');
    });
  });

  it('says that a server speaks no TLS', async () => {
    const server = createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const error = await failureOf(clientOf([pinned({ port, fingerprint: '00' })]).call('GET', '/version'));
    server.close();
    expect(error.code).to.equal('PlatformUnreachable');
    expect(error.message).to.match(/does not speak TLS as we do \(wrong version number\)/);
  });
});
