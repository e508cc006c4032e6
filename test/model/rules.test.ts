import { expect } from 'chai';

import { isTerminalType, isVariableName, userSpecOf } from '../../src/model/rules.ts';

describe('the rules of a request', () => {
  it('know names of variables', () => {
    for (const name of ['A', '_', 'a1', 'LC_ALL']) expect(isVariableName(name), name).to.equal(true);
    for (const name of ['', '1A', 'A B', 'A=', 'A\n', 'É', 'PROXMOX_LXCRI_EXEC_ID'])
      expect(isVariableName(name), name).to.equal(false);
  });

  it('know types of terminals', () => {
    for (const type of ['xterm', 'xterm-256color', 'screen.xterm+x']) expect(isTerminalType(type), type).to.equal(true);
    for (const type of ['', '-x', '../x', 'a b', 'x\n', 'x'.repeat(65)])
      expect(isTerminalType(type), type).to.equal(false);
  });

  it('know users', () => {
    expect(userSpecOf('www-data:4')).to.deep.equal({ user: 'www-data', group: '4' });
    expect(userSpecOf('www-data:')).to.equal(undefined);
  });
});
