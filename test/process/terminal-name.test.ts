import { expect } from 'chai';

import { terminalName } from '../../src/process/terminal-name.ts';

/** As the kernel puts them together (new_encode_dev). */
function device(major: number, minor: number): number {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

describe('the name of a terminal', () => {
  it('is that of ps(1)', () => {
    for (const [major, minor, name] of [
      [136, 0, 'pts/0'],
      [136, 255, 'pts/255'],
      [136, 1000, 'pts/1000'],
      [137, 3, 'pts/259'],
      [4, 1, 'tty1'],
      [4, 63, 'tty63'],
      [4, 64, 'ttyS0'],
      [229, 0, '229:0'],
    ] as const)
      expect(terminalName(device(major, minor))).to.equal(name);
  });

  it('is none without a terminal', () => {
    expect(terminalName(0)).to.equal(undefined);
  });
});
