import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';

import { expect } from 'chai';

import { connectTrusted, isDistrust, seenFingerprint, shownAddress } from '../../../src/proxmox/api/trust.ts';
import type { Endpoint } from '../../../src/proxmox/api/trust.ts';
import { run } from '../../support/run.ts';
import { openTlsServer } from '../../support/tls-server.ts';
import type { TlsServer } from '../../support/tls-server.ts';
import { byAuthority, clientOf, failureOf, pinned } from './clients.ts';

const OTHER = 'AA:'.repeat(31) + 'AA';

describe('connectTrusted', () => {
  let server: TlsServer;
  let silent: Server;

  before(async () => {
    server = await openTlsServer((socket) => socket.end());
    silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
  });

  after(async () => {
    await server.close();
    silent.close();
  });

  const bySystem = (host = '127.0.0.1'): Endpoint => ({ host, port: server.port, trust: { kind: 'ca' } });

  async function connects(endpoint: Endpoint): Promise<boolean> {
    (await connectTrusted(endpoint, 2000)).destroy();
    return true;
  }

  it('trusts a certificate by its authority, for an address and for a name', async () => {
    expect(await connects(byAuthority(server))).to.equal(true);
    expect(await connects(byAuthority(server, 'localhost'))).to.equal(true);
  });

  it('trusts a certificate by its fingerprint, however that is written', async () => {
    const { fingerprint, port } = server;
    for (const sha256 of [fingerprint, fingerprint.toLowerCase(), fingerprint.replaceAll(':', '')])
      expect(await connects(pinned({ port, fingerprint: sha256 }))).to.equal(true);
  });

  it('trusts a certificate by an authority of the system', async () => {
    const script = `import('./src/proxmox/api/trust.ts').then(async ({ connectTrusted }) => {
      (await connectTrusted({ host: '127.0.0.1', port: ${server.port}, trust: { kind: 'ca' } }, 5000)).destroy();
    })`;
    const env = { PATH: process.env['PATH'], SSL_CERT_FILE: server.caFile };
    const { exitCode, stderr } = await run([process.execPath, '-e', script], { env });
    expect(stderr).to.equal('');
    expect(exitCode).to.equal(0);
  });

  it('refuses another fingerprint, says which it saw, and sends nothing', async () => {
    const before = server.requests.length;
    const error = await failureOf(clientOf([pinned({ port: server.port, fingerprint: OTHER })]).call('POST', '/x'));
    expect(error.code).to.equal('PlatformUnreachable');
    expect(isDistrust(error)).to.equal(true);
    expect(error.message).to.include(server.fingerprint);
    expect(error.message).not.to.include(OTHER);
    expect(server.requests).to.have.length(before);
  });

  it('refuses an authority that nobody knows, whatever the environment says', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      const error = await failureOf(clientOf([bySystem()]).call('GET', '/x'));
      expect(isDistrust(error)).to.equal(true);
      expect(error.message)
        .to.match(/is not trusted: [^;]+$/)
        .and.not.to.include('Node.js');
      expect(error.hint).to.include('pve-root-ca.pem');
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('refuses a certificate that is for another name', async () => {
    const elsewhere = await openTlsServer((socket) => socket.end(), '127.0.0.2');
    const error = await failureOf(connects(byAuthority(elsewhere, '127.0.0.2')));
    await elsewhere.close();
    expect(isDistrust(error)).to.equal(true);
    expect(error.message).to.include("127.0.0.2 is not in the cert's list");
  });

  it('gives up on a server that says nothing, in time', async () => {
    const { port } = silent.address() as AddressInfo;
    const begin = performance.now();
    const error = await failureOf(connectTrusted({ ...pinned(server), port }, 200));
    expect(error.message).to.match(/no answer within 200 ms/);
    expect(performance.now() - begin).to.be.within(190, 1500);
    expect(isDistrust(error)).to.equal(false);
  });

  it('says why a server cannot be reached, for a name with several addresses too', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const error = await failureOf(connectTrusted({ ...pinned(server), host, port: 1 }, 2000));
      expect(error.message).to.match(new RegExp(`^${host}:1 cannot be reached: .*ECONNREFUSED`));
    }
    const error = await failureOf(connectTrusted({ ...pinned(server), host: 'nosuch.invalid' }, 5000));
    expect(error.message).to.match(/nosuch.invalid:\d+ cannot be reached: /);
  });

  it('shows the fingerprint of any certificate, and sends nothing', async () => {
    const before = server.requests.length;
    expect(await seenFingerprint({ host: '127.0.0.1', port: server.port }, 2000)).to.equal(server.fingerprint);
    expect(server.requests).to.have.length(before);
  });

  it('writes addresses as URLs have them', () => {
    expect(shownAddress({ host: 'pve1', port: 8006 })).to.equal('pve1:8006');
    expect(shownAddress({ host: '2001:db8::1', port: 8006 })).to.equal('[2001:db8::1]:8006');
  });
});
