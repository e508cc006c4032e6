/** The method node-shell: lxc-attach in a shell that the API of a node gives. */
import { expect } from 'chai';

import type { Container } from '../../src/model/container.ts';
import type { ApiAccess } from '../../src/model/remote.ts';
import { nodeShell } from '../../src/methods/node-shell.ts';
import { nodeShellPlace } from '../e2e/node-shell-place.ts';
import type { NodeShellPlace } from '../e2e/node-shell-place.ts';
import { requestOf } from '../oci/requests.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { itFollowsTheContract } from './contract/run.ts';

describe('node-shell', () => {
  describe('over the API of a cluster', () => {
    let place: NodeShellPlace | undefined;
    const made = (): NodeShellPlace => {
      if (place === undefined) throw new Error('the cluster was not made');
      return place;
    };

    before(async function () {
      needsApiDouble(this);
      place = await nodeShellPlace([{ vmid: 101, hostname: 'web', lxcConfig: ['lxc.cap.drop = mknod'] }]);
    });

    after(() => place?.close());

    itFollowsTheContract({
      method: 'node-shell',
      reference: () => '101',
      container: () => made().cluster.container(101),
      environment: () => made().env,
      holdsOutput: true,
      inTurn: true,
      exceptions: { 'any-name': /leads through a shell/ },
    });
  });

  describe('is passed over', () => {
    const reasonFor = (api: Partial<ApiAccess> | undefined): string => {
      const container = { id: '101', name: 'web', platform: 'proxmox', node: 'pve1', api } as Container;
      const availability = nodeShell.check(container, requestOf());
      return availability.ok ? '' : availability.reason;
    };

    it('without a context', () => expect(reasonFor(undefined)).to.include('needs a context'));

    it('for a virtual machine', () =>
      expect(reasonFor({ type: 'qemu', login: 'root-ticket' })).to.include('virtual machine'));

    it('for a token, with what can be done', () => {
      const reason = reasonFor({ type: 'lxc', login: 'token' });
      expect(reason).to.include('token').and.include('root@pam').and.include('ssh');
    });

    it('for another user', () => expect(reasonFor({ type: 'lxc', login: 'ticket' })).to.include('only root@pam'));

    it('and not for a ticket of root@pam', () => expect(reasonFor({ type: 'lxc', login: 'root-ticket' })).to.equal(''));
  });
});
