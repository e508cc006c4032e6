import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import type { Container } from '../../src/model/container.ts';
import { STATUSES } from '../../src/model/status.ts';
import { ociState } from '../../src/oci/state.ts';

const PLAIN: Container = { id: 'web', name: 'web', platform: 'lxc', lxc: { name: 'web', lxcpath: '/srv/lxc' } };
const OF_PROXMOX: Container = {
  id: '101',
  name: 'web',
  platform: 'proxmox',
  node: 'pve1',
  lock: 'snapshot',
  lxc: { name: '101', lxcpath: '/var/lib/lxc' },
};

describe('the OCI state of a container', () => {
  it('holds what the specification asks for, and our facts as annotations', () => {
    expect(ociState({ container: OF_PROXMOX, status: 'running', initPid: 77 })).to.deep.equal({
      ociVersion: '1.2.0',
      id: '101',
      status: 'running',
      pid: 77,
      bundle: '/var/lib/lxc/101',
      annotations: {
        'proxmox-lxcri.name': 'web',
        'proxmox-lxcri.platform': 'proxmox',
        'proxmox-lxcri.status': 'running',
        'proxmox-lxcri.node': 'pve1',
        'proxmox-lxcri.lock': 'snapshot',
      },
    });
  });

  it('leaves out what there is not', () => {
    const state = ociState({ container: PLAIN, status: 'stopped', initPid: undefined });
    expect(state).not.to.have.property('pid');
    expect(Object.keys(state.annotations)).to.deep.equal([
      'proxmox-lxcri.name',
      'proxmox-lxcri.platform',
      'proxmox-lxcri.status',
    ]);
    expect(state.bundle).to.equal('/srv/lxc/web');
  });

  it('has a word of the specification for every status that is known', () => {
    const words = STATUSES.filter((status) => status !== 'unreachable' && status !== 'unknown').map((status) => [
      status,
      ociState({ container: PLAIN, status, initPid: undefined }).status,
    ]);
    expect(Object.fromEntries(words)).to.deep.equal({
      running: 'running',
      frozen: 'paused',
      stopped: 'stopped',
      starting: 'creating',
      stopping: 'running',
      aborting: 'stopped',
      freezing: 'paused',
    });
  });

  it('is an error where it cannot be known', () => {
    for (const status of ['unreachable', 'unknown'] as const)
      expect(() => ociState({ container: PLAIN, status, initPid: undefined }))
        .to.throw(LxcriError)
        .with.property('code', 'PlatformUnreachable');
  });
});
