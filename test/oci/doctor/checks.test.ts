import { join } from 'node:path';

import { expect } from 'chai';

import type { Check } from '../../../src/model/diagnosis.ts';
import { checkHost } from '../../../src/oci/doctor/checks.ts';
import type { CheckOptions } from '../../../src/oci/doctor/checks.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const OPTIONS: CheckOptions = { onProxmox: false, stateDirectory: '/var/lib/x', nodePty: true, unreachable: [] };

function check(name: string, options: Partial<CheckOptions> = {}): Check | undefined {
  return checkHost({ ...OPTIONS, ...options }).find((each) => each.name === name);
}

describe('the checks of a host', () => {
  it('find nothing wrong with one that the tests run on, and then have no hint', () => {
    for (const { name, result, hint } of checkHost(OPTIONS))
      expect([name, result, hint]).to.deep.equal([name, 'ok', null]);
  });

  it('look for pct on a Proxmox node only', () => {
    expect(check('pct')).to.equal(undefined);
    expect(check('pct', { onProxmox: true })).to.have.property('result');
  });

  it('need no state directory that exists, but one that can be made', () => {
    const directory = scratchDirectory();
    expect(check('state directory', { stateDirectory: join(directory, 'a/b/c') })?.result).to.equal('ok');
    expect(check('state directory', { stateDirectory: '/proc/1/nowhere' })).to.deep.include({ result: 'warning' });
  });

  it('tell who is not root', () => {
    process.seteuid?.(65_534);
    try {
      expect(check('root')).to.include({ result: 'problem' });
    } finally {
      process.seteuid?.(0);
    }
  });

  it('do not state what only root can see', () => {
    process.seteuid?.(65_534);
    try {
      expect(check('network namespace')).to.deep.include({
        result: 'ok',
        detail: "unknown whether that of the host's init",
      });
      const network = check('network namespace', { unreachable: ['web'] });
      expect(network?.detail).to.match(/; without root it is unknown where the monitors of these run: web$/);
      expect(network?.hint).to.equal('run: sudo proxmox-lxcri doctor');
    } finally {
      process.seteuid?.(0);
    }
  });

  it('warn of what only some calls need', () => {
    expect(check('node-pty', { nodePty: false })).to.include({ result: 'warning' });
    const network = check('network namespace', { unreachable: ['web', 'db'] });
    expect(network).to.include({ result: 'warning' });
    expect(network?.detail).to.match(/; monitors are in others: web, db$/);
  });
});
