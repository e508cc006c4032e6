import { expect } from 'chai';

import { methodByName } from '../../src/methods/registry.ts';
import { METHOD_NAMES } from '../../src/model/request.ts';

describe('the methods of this version', () => {
  it('are found by their own names', () => {
    const found = METHOD_NAMES.filter((name) => methodByName(name) !== undefined);
    expect(found).to.deep.equal([
      'proxmox-api',
      'pct',
      'lxc-attach',
      'docker',
      'kubernetes',
      'node-shell',
      'console',
      'guest-agent',
    ]);
    for (const name of found) expect(methodByName(name)?.name).to.equal(name);
  });
});
