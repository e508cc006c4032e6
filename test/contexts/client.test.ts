import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { clientFor, readAuthorities } from '../../src/contexts/client.ts';
import { loadContexts, pickContext } from '../../src/contexts/contexts.ts';
import type { ApiClient } from '../../src/proxmox/api/client.ts';
import { configErrorOf } from '../config/error.ts';
import { PASSWORD, TOKEN_SECRET, USERS, failureOf, takeRequests } from '../proxmox/api/clients.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('clientFor', () => {
  let cluster: Cluster;
  let folder: string;

  before(async () => {
    cluster = await createCluster({ nodes: ['pve1', 'pve2'], users: USERS, settings: { refusalMs: 100 } });
  });

  after(() => cluster.close());

  beforeEach(() => {
    folder = scratchDirectory();
    takeRequests(cluster);
  });

  async function client(keys: string, env: NodeJS.ProcessEnv = {}): Promise<ApiClient> {
    const file = `${folder}/contexts.yaml`;
    writeFileSync(file, `contexts:\n  home: {${keys}}\n`, { mode: 0o600 });
    const context = pickContext(await loadContexts({ PROXMOX_LXCRI_CONTEXTS: file }), {});
    return clientFor(context, { env, stateDirectory: `${folder}/state` });
  }

  const byAuthority = (): string => {
    const [{ port, caFile }] = cluster.hosts as [Cluster['hosts'][0]];
    return `hosts: ["127.0.0.1:${port}"], caFile: ${caFile}`;
  };

  it('asks the cluster with a token, by its authority or by a fingerprint', async () => {
    const secret = `${folder}/token`;
    writeFileSync(secret, `${TOKEN_SECRET}\n`, { mode: 0o600 });
    const { port, fingerprint } = cluster.host('pve2');
    const pinned = `hosts: [{address: "localhost:${port}", fingerprint: "${fingerprint}"}]`;
    for (const hosts of [byAuthority(), pinned]) {
      const api = await client(`${hosts}, token: root@pam!full, tokenFile: ${secret}`);
      expect(await api.call('GET', '/version')).to.have.property('version');
    }
  });

  it('logs in with a password, and keeps the ticket for the next call', async () => {
    const keys = `${byAuthority()}, user: root@pam, passwordVariable: PW`;
    await (await client(keys, { PW: PASSWORD })).call('GET', '/version');
    await (await client(keys)).call('GET', '/version');
    expect(takeRequests(cluster).map((line) => line.split(' ')[1])).to.deep.equal(['POST', 'GET', 'GET']);
    const kept = readFileSync(`${folder}/state/tickets/home.json`, 'utf8');
    expect(kept).to.include('PVE:root@pam:').and.not.to.include(PASSWORD);
  });

  it('does not send the ticket to another server', async () => {
    await (await client(`${byAuthority()}, user: root@pam, passwordVariable: PW`, { PW: PASSWORD })).call(
      'GET',
      '/version',
    );
    takeRequests(cluster);
    const { port, caFile } = cluster.host('pve2');
    const elsewhere = await client(`hosts: ["127.0.0.1:${port}"], caFile: ${caFile}, user: root@pam`);
    expect((await failureOf(elsewhere.call('GET', '/version'))).message).to.include('no valid ticket for root@pam');
    expect(takeRequests(cluster)).to.deep.equal([]);
  });

  it('works where a ticket cannot be kept', async () => {
    writeFileSync(`${folder}/state`, 'a file');
    const api = await client(`${byAuthority()}, user: root@pam, passwordVariable: PW`, { PW: PASSWORD });
    expect(await api.call('GET', '/version')).to.have.property('version');
  });

  it('forgets a ticket that is not taken any more', async () => {
    const keys = `${byAuthority()}, user: root@pam`;
    await (await client(`${keys}, passwordVariable: PW`, { PW: PASSWORD })).call('GET', '/version');
    cluster.advanceClock(4 * 3600);
    const error = await failureOf((await client(keys)).call('GET', '/version'));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(existsSync(`${folder}/state/tickets/home.json`)).to.equal(false);
  });

  it('reads no secret, and connects to nobody, before the first call', async () => {
    await client(`hosts: [nosuch.invalid], token: root@pam!full, tokenFile: /nosuch`);
    expect(takeRequests(cluster)).to.deep.equal([]);
  });

  it('says what is wrong with the file of the authorities', async () => {
    const empty = `${folder}/empty.pem`;
    writeFileSync(empty, '');
    mkdirSync(`${folder}/folder`);
    for (const [path, says] of [
      [`${folder}/gone.pem`, /cannot be read \(ENOENT/],
      [empty, /holds no certificate/],
      [`${folder}/folder`, /holds no certificate/],
    ] as const)
      expect((await configErrorOf(() => readAuthorities(path))).message).to.match(says);
  });
});
