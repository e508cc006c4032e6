import { expect } from 'chai';

import type { PasswordCredentials } from '../../../src/proxmox/api/credentials.ts';
import type { ApiClient } from '../../../src/proxmox/api/client.ts';
import { challengeKinds } from '../../../src/proxmox/api/ticket.ts';
import { totpCode } from '../../support/pve/api/access/second-factor.ts';
import { createCluster } from '../../support/pve/api/cluster.ts';
import type { Cluster } from '../../support/pve/api/cluster.ts';
import { httpAnswer, openTlsServer } from '../../support/tls-server.ts';
import {
  MemoryTickets,
  PASSWORD,
  RECOVERY_KEY,
  TOTP_SECRET,
  USERS,
  byAuthority,
  clientOf,
  failureOf,
  pinned,
  takeRequests,
} from './clients.ts';

const LOGIN = 'pve1 POST /access/ticket -> 200';
const READ = 'pve1 GET /version -> 200';

/** Milliseconds. */
const HOUR = 3_600_000;

describe('TicketAuthentication', () => {
  let cluster: Cluster;
  let tickets: MemoryTickets;
  let ahead = 0;

  before(async () => {
    cluster = await createCluster({ nodes: ['pve1'], users: USERS, settings: { refusalMs: 100 } });
  });

  after(() => cluster.close());

  beforeEach(() => {
    tickets = new MemoryTickets();
    takeRequests(cluster);
  });

  function clientAs(user: string, credentials: Partial<PasswordCredentials> = {}): ApiClient {
    const password = (): Promise<string> => Promise.resolve(PASSWORD);
    return clientOf([pinned(cluster.host('pve1'))], {
      credentials: { kind: 'password', user, password, ...credentials },
      tickets,
    });
  }

  /** The server's clock, and that of the code generator. */
  function advanceClock(seconds: number): void {
    cluster.advanceClock(seconds);
    ahead += seconds;
  }

  /** Makes the kept ticket look older. */
  function age(milliseconds: number): void {
    if (tickets.kept !== undefined) tickets.kept = { ...tickets.kept, issuedAt: Date.now() - milliseconds };
  }

  it('logs in once, whatever the password is made of, and keeps the ticket', async () => {
    const client = clientAs('root@pam');
    await Promise.all([client.call('GET', '/version'), client.call('GET', '/version')]);
    expect(takeRequests(cluster)).to.deep.equal([LOGIN, READ, READ]);
    expect(tickets.kept?.user).to.equal('root@pam');
    expect(tickets.kept?.ticket).to.match(/^PVE:root@pam:/);
  });

  it('uses a kept ticket, with no password', async () => {
    await clientAs('root@pam').call('GET', '/version');
    await clientAs('root@pam', { password: () => Promise.reject(new Error('asked')) }).call('GET', '/version');
    expect(takeRequests(cluster)).to.deep.equal([LOGIN, READ, READ]);
  });

  it('sends the token against forged requests with changes', async () => {
    const error = await failureOf(clientAs('root@pam').call('POST', '/nodes/pve1/lxc/999/status/start'));
    // Not 401: it was let in.
    expect(error.code).to.equal('ContainerNotFound');
  });

  it('renews a ticket of an hour with the ticket itself, so that no second factor is asked for again', async () => {
    await clientAs('root@pam').call('GET', '/version');
    age(1.5 * HOUR);
    const old = tickets.kept?.ticket;
    advanceClock(2);
    takeRequests(cluster);
    await clientAs('root@pam', { password: () => Promise.reject(new Error('asked')) }).call('GET', '/version');
    expect(takeRequests(cluster)).to.deep.equal([LOGIN, READ]);
    expect(tickets.kept?.ticket).to.be.a('string').and.not.to.equal(old);
  });

  it('logs in with the password when the ticket is too old to be renewed, or is from the future', async () => {
    for (const milliseconds of [2.5 * HOUR, -HOUR]) {
      tickets.kept = { user: 'root@pam', ticket: 'PVE:root@pam:0::x', csrfToken: 'x', issuedAt: Date.now() };
      age(milliseconds);
      await clientAs('root@pam').call('GET', '/version');
      expect(takeRequests(cluster)).to.deep.equal([LOGIN, READ]);
    }
  });

  it('gets a new ticket when the server does not accept the kept one, and makes the call again', async () => {
    await clientAs('root@pam').call('GET', '/version');
    advanceClock(3 * 3600);
    takeRequests(cluster);
    await clientAs('root@pam').call('GET', '/version');
    expect(takeRequests(cluster)).to.deep.equal(['pve1 GET /version -> 401', LOGIN, READ]);
  });

  it('gets one new ticket for several calls whose ticket is refused', async () => {
    await clientAs('root@pam').call('GET', '/version');
    advanceClock(3 * 3600);
    takeRequests(cluster);
    const client = clientAs('root@pam');
    await Promise.all([1, 2, 3].map(() => client.call('GET', '/version')));
    expect(takeRequests(cluster).filter((line) => line === LOGIN)).to.have.length(1);
    expect(tickets.kept).not.to.equal(undefined);
  });

  it('keeps a new ticket when the refusal of the old one comes late', async () => {
    const refusal = 'HTTP/1.1 401 Authentication failed!\r\nContent-Length: 0\r\n\r\n';
    const fresh = '{"data":{"ticket":"PVE:root@pam:NEW","CSRFPreventionToken":"x","username":"root@pam"}}';
    let refuseLate = (): unknown => undefined;
    const server = await openTlsServer((socket, index) => {
      const request = server.requests[index] ?? '';
      if (request.startsWith('POST')) socket.write(httpAnswer('200 OK', fresh));
      else if (request.includes('NEW')) socket.write(httpAnswer('200 OK', '{"data":1}'), () => refuseLate());
      else if (index === 0) refuseLate = () => socket.write(refusal);
      else socket.write(refusal);
    });
    tickets.kept = { user: 'root@pam', ticket: 'PVE:root@pam:OLD', csrfToken: 'x', issuedAt: Date.now() };
    const password = (): Promise<string> => Promise.resolve('x');
    const client = clientOf([byAuthority(server)], {
      credentials: { kind: 'password', user: 'root@pam', password },
      tickets,
    });
    expect(await Promise.all([client.call('GET', '/a'), client.call('GET', '/b')])).to.deep.equal([1, 1]);
    await server.close();
    expect(server.requests.filter((request) => request.startsWith('POST'))).to.have.length(1);
  });

  it('says to log in again when the ticket has expired and there is no password', async () => {
    await clientAs('root@pam').call('GET', '/version');
    advanceClock(3 * 3600);
    const { user } = { user: 'root@pam' };
    const client = clientOf([pinned(cluster.host('pve1'))], { credentials: { kind: 'password', user }, tickets });
    const error = await failureOf(client.call('GET', '/version'));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.include('root@pam');
    expect(error.hint).to.include('proxmox-lxcri login');
    expect(tickets.kept).to.equal(undefined);
    const again = await failureOf(client.call('GET', '/version'));
    expect(again.message).to.include('no valid ticket for root@pam');
  });

  it('says that a login is refused, without the password', async () => {
    const wrong = 'wrong password';
    const error = await failureOf(
      clientAs('root@pam', { password: () => Promise.resolve(wrong) }).call('GET', '/version'),
    );
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.match(/root@pam cannot log in \(.*authentication failure\)/);
    expect(`${error.message} ${error.hint}`).not.to.include(wrong);
    expect(takeRequests(cluster)).to.deep.equal(['pve1 POST /access/ticket -> 401']);
  });

  it('answers the challenge of a second factor with a code, and with a recovery key', async () => {
    const asked: (readonly string[])[] = [];
    for (const answer of [`totp:${totpCode(TOTP_SECRET, Date.now() / 1000 + ahead)}`, `recovery:${RECOVERY_KEY}`]) {
      tickets.kept = undefined;
      const secondFactor = (kinds: readonly string[]): Promise<string> => {
        asked.push(kinds);
        return Promise.resolve(answer);
      };
      await clientAs('tfa@pve', { secondFactor }).call('GET', '/version');
      expect(takeRequests(cluster)).to.deep.equal([LOGIN, LOGIN, READ]);
      expect(tickets.kept).to.have.property('user', 'tfa@pve');
    }
    expect(asked[0]).to.deep.equal(['totp', 'recovery']);
  });

  it('says that a second factor is wrong, and keeps nothing', async () => {
    const secondFactor = (): Promise<string> => Promise.resolve('totp:000000x');
    const error = await failureOf(clientAs('tfa@pve', { secondFactor }).call('GET', '/version'));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.hint).to.include('second factor');
    expect(tickets.kept).to.equal(undefined);
  });

  it('never uses or keeps a ticket that only says that the password was right', async () => {
    const error = await failureOf(clientAs('tfa@pve').call('GET', '/version'));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.match(/second factor \(totp/);
    expect(error.hint).to.include('API token');
    expect(tickets.kept).to.equal(undefined);
    expect(takeRequests(cluster)).to.deep.equal([LOGIN]);
  });

  it('takes no answer for a login that is none, and keeps nothing of it', async () => {
    const good = { ticket: 'PVE:root@pam:6B00FF87::AA==', username: 'root@pam', CSRFPreventionToken: '6B00FF87:AA' };
    const cases: Record<string, unknown>[] = [
      { ticket: undefined },
      { ticket: '' },
      { ticket: {} },
      { ticket: 'PVE:x\r\nX-Evil: 1' },
      { ticket: 'PVE:\ud800' },
      { ticket: 'x'.repeat(100_000) },
      // Half of one, that says that it is whole.
      { ticket: 'PVE:!tfa!%7B%22totp%22%3Atrue%7D:6B00FF87::AA==' },
      { CSRFPreventionToken: undefined },
      { CSRFPreventionToken: '' },
      { CSRFPreventionToken: ['x'] },
      { CSRFPreventionToken: 'x\r\nX-Evil: 1' },
      { CSRFPreventionToken: 'ü€' },
      { username: undefined },
      { username: 'other@pam' },
      { NeedTFA: 1, ticket: '\udfff' },
    ];
    const server = await openTlsServer((socket, index) =>
      socket.write(httpAnswer('200 OK', JSON.stringify({ data: { ...good, ...cases[index] } }))),
    );
    const credentials = { kind: 'password', user: 'root@pam', password: () => Promise.resolve('hunter2') } as const;
    for (const wrong of cases) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await failureOf(clientOf([byAuthority(server)], { credentials, tickets }).logIn());
      expect({ wrong, code: error.code }).to.deep.equal({ wrong, code: 'PlatformUnreachable' });
      expect(error.message)
        .to.include('was not understood')
        .and.not.to.match(/\p{Cc}|Evil|hunter2/u);
    }
    expect(tickets.kept).to.equal(undefined);
    // Where upper case is lower case the server may write it in its own way.
    const other = { ...credentials, user: 'ROOT@pam' };
    await clientOf([byAuthority(server)], { credentials: other, tickets }).logIn();
    await server.close();
    expect(tickets.kept).to.deep.include({ user: 'ROOT@pam', ticket: good.ticket, csrfToken: '6B00FF87:AA' });
  });

  it('takes no second challenge for an answer to the first one', async () => {
    const half = `{"data":{"NeedTFA":1,"username":"u@pve","ticket":"PVE:!tfa!{\\"totp\\"%3Atrue}:6B00FF87::AA=="}}`;
    const server = await openTlsServer((socket) => socket.write(httpAnswer('200 OK', half)));
    const [password, secondFactor] = [() => Promise.resolve('x'), () => Promise.resolve('totp:123456')];
    const credentials = { kind: 'password', user: 'u@pve', password, secondFactor } as const;
    const error = await failureOf(clientOf([byAuthority(server)], { credentials, tickets }).logIn());
    await server.close();
    expect(error.code).to.equal('AuthenticationFailed');
    expect(server.requests).to.have.length(2);
    expect(tickets.kept).to.equal(undefined);
  });

  it('logs in at the next host when the first one dies over it, but answers a challenge once', async () => {
    const half = `{"data":{"NeedTFA":1,"username":"u@pve","ticket":"PVE:!tfa!{\\"totp\\"%3Atrue}:6B00FF87::AA=="}}`;
    const server = await openTlsServer((socket, index) => {
      // Each connection's first request dies; the second one is answered with a challenge.
      if (index === 1) socket.write(httpAnswer('200 OK', half));
      else socket.destroy();
    });
    const credentials = {
      kind: 'password',
      user: 'u@pve',
      password: () => Promise.resolve('x'),
      secondFactor: () => Promise.resolve('totp:123456'),
    } as const;
    const hosts = [byAuthority(server), byAuthority(server, 'localhost')];
    const error = await failureOf(clientOf(hosts, { credentials }).call('GET', '/version'));
    await server.close();
    expect(error.code).to.equal('ConnectionLost');
    expect(server.requests.map((request) => /tfa-challenge=/.test(request))).to.deep.equal([false, false, true]);
  });

  describe('challengeKinds', () => {
    it('reads the kinds of a challenge', () => {
      const challenge = encodeURIComponent('{"totp":true,"recovery":[0,2],"webauthn":null,"yubico":false}');
      expect(challengeKinds(`PVE:!tfa!${challenge}:6B00FF87::AA==`)).to.deep.equal(['totp', 'recovery']);
    });

    it('knows none in what is no challenge', () => {
      for (const ticket of ['', 'PVE:root@pam:6B00FF87::AA==', 'PVE:!tfa!%:6B00FF87::A', 'PVE:!tfa!{:6B00FF87::A'])
        expect(challengeKinds(ticket)).to.deep.equal([]);
    });
  });
});
