import { expect } from 'chai';

import { sshCall } from '../../src/values/ssh-call.ts';

describe('a call of ssh in a hint', () => {
  it('has the options, quoted for a shell, and becomes root where that is needed', () => {
    const target = { destination: 'root@pve1.example', options: ['-p', '2222', '-i', '/a b'], sudo: false };
    expect(sshCall(target)).to.equal("ssh -p 2222 -i '/a b' root@pve1.example");
    expect(sshCall({ ...target, sudo: true }, 'pct start 101')).to.equal(
      "ssh -p 2222 -i '/a b' root@pve1.example sudo pct start 101",
    );
  });
});
