import { expect } from 'chai';

import { changeDocument, changeText } from '../../src/cli/change.ts';
import type { Change } from '../../src/oci/lifecycle/lifecycle.ts';

const CHANGE: Change = {
  container: { id: '101', name: 'web', platform: 'proxmox', node: 'pve1' },
  status: 'running',
  pid: 7,
  changed: true,
};

describe('what became of a container', () => {
  it('is one line, with its name where that says more', () => {
    expect(changeText(CHANGE, 'started', 'already runs')).to.equal('101 (web) started\n');
    expect(changeText({ ...CHANGE, changed: false }, 'started', 'already runs')).to.equal('101 (web) already runs\n');
    const plain: Change = { ...CHANGE, container: { id: 'db', name: 'db', platform: 'lxc' } };
    expect(changeText(plain, 'started', '')).to.equal('db started\n');
  });

  it('acts on no terminal', () => {
    const odd: Change = { ...CHANGE, container: { ...CHANGE.container, name: 'a\u001b[31m\nb' } };
    expect(changeText(odd, 'started', '')).to.equal('101 (a\\u001b[31m\\u000ab) started\n');
  });

  it('is a document without what only the code needs', () => {
    const stopped = { ...CHANGE, forced: true };
    expect(changeDocument(stopped)).to.deep.equal(CHANGE);
  });
});
