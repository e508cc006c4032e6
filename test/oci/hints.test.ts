import { expect } from 'chai';

import type { Container } from '../../src/model/container.ts';
import { label, notRunning, thawHint, unlockHint, unreachable } from '../../src/oci/hints.ts';

const USUAL: Container = { id: 'web', name: 'web', platform: 'lxc', lxc: { name: 'web', lxcpath: '/var/lib/lxc' } };
const ELSEWHERE: Container = { ...USUAL, lxc: { name: 'web', lxcpath: '/srv/lxc' } };
const OF_PROXMOX: Container = {
  id: '101',
  name: 'web',
  platform: 'proxmox',
  node: 'pve1',
  lxc: { name: '101', lxcpath: '/var/lib/lxc' },
};

/** As it is found by a context; nothing of its API is asked here. */
const OF_CLUSTER = {
  id: '101',
  name: 'web',
  platform: 'proxmox',
  node: 'pve1',
  control: {},
  api: { context: 'home', type: 'lxc' },
  remote: { ssh: { destination: 'root@pve1.example', options: ['-p', '2222'], sudo: true } },
} as unknown as Container;

describe('what messages say of a container', () => {
  it('its id, and its name where that is another', () => {
    expect([label(USUAL), label(OF_PROXMOX)]).to.deep.equal(['web', '101 (web)']);
  });

  it('how to start it, by words that mean it and no other', () => {
    const hintOf = (container: Container): string | undefined => notRunning(container, 'stopped').hint;
    expect(hintOf(USUAL)).to.equal('start it with: proxmox-lxcri start web');
    expect(hintOf(ELSEWHERE)).to.equal('start it with: proxmox-lxcri start lxc:/srv/lxc/web');
    expect(hintOf(OF_PROXMOX)).to.equal('start it with: proxmox-lxcri start 101');
    expect(hintOf(OF_CLUSTER)).to.equal('start it with: proxmox-lxcri start pve:101@home');
    expect(notRunning(USUAL, 'stopped', ': no', 'do something').toInfo()).to.deep.equal({
      code: 'ContainerNotRunning',
      message: 'container web is not running (stopped): no',
      hint: 'do something',
    });
  });

  it('how to wait for one that is starting, whatever else could be done', () => {
    expect(notRunning(ELSEWHERE, 'starting', ': no', 'do something').toInfo()).to.deep.equal({
      code: 'ContainerNotRunning',
      message: 'container web is starting: no',
      hint: 'wait for it with: proxmox-lxcri start --wait lxc:/srv/lxc/web',
    });
  });

  it('how to thaw and unlock it, by the tools of its platform', () => {
    expect(thawHint(ELSEWHERE)).to.equal('thaw it with: lxc-unfreeze -P /srv/lxc -n web');
    expect(thawHint(OF_PROXMOX)).to.match(/^thaw it with: /);
    expect(unlockHint(OF_PROXMOX)).to.match(/: pct unlock 101$/);
    expect(unlockHint(OF_CLUSTER)).to.match(/: ssh -p 2222 root@pve1.example sudo pct unlock 101$/);
    expect(unlockHint({ ...OF_CLUSTER, api: { context: 'home', type: 'qemu' } } as unknown as Container)).to.match(
      /: on its node pve1: qm unlock 101$/,
    );
  });

  it('why it cannot be asked', () => {
    expect(unreachable(OF_PROXMOX).toInfo()).to.deep.equal({
      code: 'PlatformUnreachable',
      message: 'the monitor of container 101 (web) runs in another network namespace',
      hint: 'run this in the network namespace that LXC was started in: nsenter -t 1 -n proxmox-lxcri ...',
    });
  });
});
