import { expect } from 'chai';

import { diagnoseContexts } from '../../../src/oci/doctor/contexts.ts';
import type { Cluster } from '../../../src/oci/cluster.ts';
import { clientOf, pinned } from '../../proxmox/api/clients.ts';
import { httpAnswer, openTlsServer } from '../../support/tls-server.ts';
import type { TlsServer } from '../../support/tls-server.ts';
import { clusterOf } from '../clusters.ts';

const VERSION = httpAnswer('200 OK', '{"data":{"version":"9.2.3","release":"9.2"}}');

describe('the contexts in a diagnosis', () => {
  const servers: TlsServer[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  /** A cluster whose only server answers this, or nothing at all. */
  async function clusterThat(name: string, answer: string | undefined, given: Partial<Cluster> = {}): Promise<Cluster> {
    const server = await openTlsServer((socket) => answer !== undefined && socket.write(answer));
    servers.push(server);
    return clusterOf(clientOf([pinned(server)]), { name, bare: false, current: false, ...given });
  }

  it('say whether each lets us in, and what runs commands there', async () => {
    const found = await diagnoseContexts(
      [
        await clusterThat('home', VERSION, {
          routes: ['node-shell', 'console'],
          login: 'root-ticket',
          endpoints: { isAbsent: () => true, keepAbsent: () => {} },
        }),
        await clusterThat('lab', httpAnswer('401 No ticket', ''), { routes: ['node-shell'] }),
      ],
      new AbortController().signal,
    );
    expect(found[0]).to.deep.equal({
      context: 'home',
      reachable: true,
      detail: 'Proxmox VE 9.2.3',
      login: 'root-ticket',
      routes: [
        {
          route: 'guest-agent',
          enabled: false,
          reason: 'only when --method names it: it is not among the routes of the context',
        },
        { route: 'node-shell', enabled: true, reason: null },
        { route: 'console', enabled: true, reason: null },
      ],
      execEndpoint: 'absent',
    });
    expect(found[1]).to.deep.include({ context: 'lab', reachable: false, execEndpoint: 'not asked' });
    expect(found[1]?.detail).to.match(/token/);
    expect(found[1]?.routes[1]).to.deep.equal({
      route: 'node-shell',
      enabled: true,
      reason: 'only root@pam with a password gets a shell of a node',
    });
  });

  it('wait for nobody who says nothing, and end when they are told to', async () => {
    const mute = await clusterThat('mute', undefined);
    const [found] = await diagnoseContexts([mute], new AbortController().signal, 300);
    expect(found).to.deep.include({ reachable: false, detail: 'no answer within 0.3 s' });
    const reason = new Error('enough');
    const caught = await diagnoseContexts([mute], AbortSignal.abort(reason)).catch((error: unknown) => error);
    expect(caught).to.equal(reason);
  });
});
