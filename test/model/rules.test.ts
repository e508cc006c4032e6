import { expect } from 'chai';

import { isShellVariableName, isTerminalType, isVariableName, userSpecOf } from '../../src/model/rules.ts';

describe('the rules of a request', () => {
  it('know names of variables', () => {
    for (const name of ['A', '_', 'a1', 'LC_ALL', '1A', 'a.b', 'A-B', 'É', 'a;b'])
      expect(isVariableName(name), name).to.equal(true);
    const unseen = ['A\n', 'A\u0085', '\ufeffA', 'A\u200b', '\ud800', '\ufffd', 'A\0', 'A\u00a0B'];
    for (const name of ['', '-A', 'A B', ' A', 'A=', ...unseen, 'PROXMOX_LXCRI_EXEC_ID'])
      expect(isVariableName(name), name).to.equal(false);
  });

  it('know which of them a shell can hold', () => {
    for (const name of ['A', '_', 'a1', 'LC_ALL']) expect(isShellVariableName(name), name).to.equal(true);
    for (const name of ['', '1A', 'a.b', 'A-B', 'É', 'A\n', 'A;'])
      expect(isShellVariableName(name), name).to.equal(false);
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
