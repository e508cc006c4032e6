import { expect } from 'chai';

import { references } from '../../../src/cli/complete/references.ts';
import type { Nameable } from '../../../src/cli/complete/references.ts';

function plain(name: string, lxcpath = '/var/lib/lxc'): Nameable {
  return {
    id: name,
    name,
    platform: 'lxc',
    type: 'lxc',
    context: null,
    node: null,
    status: 'running',
    lxcpath,
    isBare: true,
    hasScheme: true,
  };
}

function guest(id: string, name: string, more: Partial<Nameable> = {}): Nameable {
  return { ...plain(id), name, platform: 'proxmox', node: 'pve1', lxcpath: null, ...more };
}

const inCluster = { context: 'home', isBare: false, status: 'stopped' } as const;

function words(containers: readonly Nameable[], typed = ''): string[] {
  return references(containers, typed).map(({ word }) => word);
}

describe('the words that mean containers', () => {
  it('are ids and names, as long as nothing is typed', () => {
    expect(references([plain('web'), guest('101', 'db')], '')).to.deep.equal([
      { word: 'web', note: 'running' },
      { word: '101', note: 'db, running' },
      { word: 'db', note: '101, running' },
    ]);
  });

  it('have a scheme, and then a node or folder, as more is typed', () => {
    const all = [plain('web'), guest('101', 'db')];
    expect(words(all, 'l')).to.deep.equal(['web', 'lxc:web', '101', 'db', 'pve:101', 'pve:db']);
    expect(words(all, 'pve:p/')).to.include.members(['pve:pve1/101', 'lxc:/var/lib/lxc/web']);
  });

  it('are the shortest that mean one of them only', () => {
    expect(words([plain('web'), guest('101', 'web')])).to.deep.equal(['lxc:web', '101']);
    expect(words([plain('web'), plain('web', '/srv/lxc')])).to.deep.equal(['lxc:/var/lib/lxc/web', 'lxc:/srv/lxc/web']);
    const [one, other] = [guest('101', 'a', inCluster), guest('101', 'b', { ...inCluster, node: 'pve2' })];
    expect(words([one, other])).to.deep.equal(['pve:a', 'pve:b']);
    // Nothing but the context tells these apart.
    expect(words([one, { ...one, context: 'lab' }])).to.deep.equal([
      'pve:101@home',
      'pve:a@home',
      'pve:101@lab',
      'pve:a@lab',
    ]);
    expect(words([one], 'pve:101@')).to.deep.equal(['pve:101', 'pve:a', 'pve:pve1/101', 'pve:101@home', 'pve:a@home']);
  });

  it('are those of the kind of a guest, and with its context where no other would find it', () => {
    expect(words([guest('300', 'win', { ...inCluster, type: 'qemu' })])).to.deep.equal(['vm:300', 'vm:win']);
    expect(words([guest('300', 'win', { ...inCluster, hasScheme: false })], 'p')).to.deep.equal([
      'pve:300@home',
      'pve:win@home',
    ]);
  });

  it('leave out names that no call would accept', () => {
    for (const name of ['$(id)', 'a b', '-x', '', 'a..b', 'a\nb', "a'b", 'ü'])
      expect(words([guest('101', name)]), name).to.deep.equal(['101']);
  });

  it('tell where a guest of a cluster is', () => {
    const [first] = references([guest('101', 'db', inCluster)], '');
    expect(first?.note).to.equal('db, stopped, on pve1, of home');
    const [away] = references([guest('101', 'db', { status: 'unknown', node: 'pve2' })], '');
    expect(away?.note).to.equal('db, on pve2');
  });
});
