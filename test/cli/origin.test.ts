import { expect } from 'chai';

import { shownOrigin } from '../../src/cli/origin.ts';

describe('the origin of a setting', () => {
  it('is a place that can be looked at', () => {
    expect(shownOrigin({ kind: 'default' })).to.equal('default');
    expect(shownOrigin({ kind: 'file', file: '/etc/x.yaml', line: 7 })).to.equal('/etc/x.yaml:7');
    expect(shownOrigin({ kind: 'variable', variable: 'PROXMOX_LXCRI_METHODS' })).to.equal('PROXMOX_LXCRI_METHODS');
  });
});
