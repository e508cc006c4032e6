import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { isVmid, parseReference } from '../../src/oci/reference.ts';

/** The error of a word, or what it was taken for. */
function refused(word: string): unknown {
  try {
    return parseReference(word);
  } catch (error) {
    return error;
  }
}

function expectError(word: string, code: string): LxcriError {
  const error = refused(word);
  expect(error, JSON.stringify(word)).to.be.an.instanceOf(LxcriError);
  expect((error as LxcriError).code, JSON.stringify(word)).to.equal(code);
  return error as LxcriError;
}

describe('a container reference', () => {
  const ACCEPTED: Record<string, { scheme?: string; node?: string; context?: string; lxcpath?: string; id: string }> = {
    '101': { id: '101' },
    web: { id: 'web' },
    'web-1.example_2': { id: 'web-1.example_2' },
    _web: { id: '_web' },
    [`a${'b'.repeat(252)}`]: { id: `a${'b'.repeat(252)}` },
    'lxc:web': { scheme: 'lxc', id: 'web' },
    'lxc:99': { scheme: 'lxc', id: '99' },
    'lxc:/srv/lxc/web': { scheme: 'lxc', lxcpath: '/srv/lxc', id: 'web' },
    'pve:101': { scheme: 'pve', id: '101' },
    'pve:web': { scheme: 'pve', id: 'web' },
    'pve:node-1/101': { scheme: 'pve', node: 'node-1', id: '101' },
    'pve:999999999': { scheme: 'pve', id: '999999999' },
    'pve:101@home': { scheme: 'pve', context: 'home', id: '101' },
    'pve:web@my-lab.2': { scheme: 'pve', context: 'my-lab.2', id: 'web' },
    'pve:node-1/101@home': { scheme: 'pve', node: 'node-1', context: 'home', id: '101' },
    'vm:200@home': { scheme: 'vm', context: 'home', id: '200' },
    'vm:200': { scheme: 'vm', id: '200' },
    'docker:web_1': { scheme: 'docker', id: 'web_1' },
    'k8s:ns/deploy:web': { scheme: 'k8s', id: 'ns/deploy:web' },
    'vsock:/run/vm.sock:1024': { scheme: 'vsock', id: '/run/vm.sock:1024' },
    'host:': { scheme: 'host', id: '' },
  };

  for (const [word, expected] of Object.entries(ACCEPTED)) {
    it(`${word.slice(0, 40)} is understood`, () => {
      expect(parseReference(word)).to.deep.equal({
        scheme: undefined,
        node: undefined,
        context: undefined,
        lxcpath: undefined,
        ...expected,
      });
    });
  }

  const NO_NAMES = [
    'a/b',
    '../web',
    '..',
    'a..b',
    '.hidden',
    '-n',
    'a b',
    'a\n',
    'a\u001b[31m',
    'a\0',
    'wéb',
    '*',
    '$(id)',
    `a${'b'.repeat(253)}`,
    'lxc:a/b',
    'lxc:-n',
    'lxc:/srv/ lxc/web',
    'lxc:/srv//lxc/web',
    'lxc:/srv/lxc/..',
    'lxc:srv/lxc/web',
    'pve:../101',
    'pve:node1/../101',
    'pve:a b/101',
    'vm:a/b/c',
    'web@home',
    'lxc:web@home',
    'pve:101@',
    'pve:101@../home',
    'pve:101@a b',
    'pve:101@home@lab',
    'pve:101@home/102',
    'ssh:web',
    'LXC:web',
    '__proto__:web',
  ];

  it('with a word that cannot name a container is refused', () => {
    for (const word of NO_NAMES) expectError(word, 'UsageError');
  });

  it('is refused without a name', () => {
    for (const word of ['', 'lxc:', 'pve:', 'pve:/101', 'pve:node1/', 'vm:', 'lxc:/srv/lxc/'])
      expect(expectError(word, 'MissingContainerId').hint).to.equal(
        'name a container; list them with: proxmox-lxcri ps',
      );
  });

  it('offers the schemes that this version serves, and no others', () => {
    expect(expectError('ssh:web', 'UsageError').hint).to.equal(
      'write pve:, lxc:, docker: or k8s: before the name, or the name alone',
    );
  });

  it('with a context needs the scheme as well', () => {
    expect(expectError('web@home', 'UsageError').hint).to.match(/pve:web@CONTEXT .* vm:web@CONTEXT/);
  });

  it('is refused for a number that Proxmox cannot have', () => {
    for (const word of ['pve:99', 'pve:0101', 'pve:1000000000', 'vm:7', 'pve:node1/5']) {
      expect(expectError(word, 'UsageError').hint).to.include('100 to 999999999');
    }
  });

  it('never sends control characters back, nor more than a line', () => {
    for (const word of ['a\u001b]0;x\u0007', `a\n${'b'.repeat(10_000)}`, 'a\u009b31m:web']) {
      const { message } = expectError(word, 'UsageError');
      // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
      expect(message).not.to.match(/[\u0000-\u001f]/);
      expect(message.length).to.be.below(200);
    }
  });
});

describe('a VMID', () => {
  it('has three to nine digits and no leading zero', () => {
    expect(['100', '999999999'].map(isVmid)).to.deep.equal([true, true]);
    expect(['99', '1000000000', '0100', '1e5', ' 100', '100\n', ''].filter(isVmid)).to.deep.equal([]);
  });
});
