import { expect } from 'chai';

import { sized, typed } from '../../../src/proxmox/terminal/messages.ts';

describe('what is said to termproxy', () => {
  it('tells the length of what is typed in bytes', () => {
    expect([...typed([Buffer.from('ü€\n')])].map(String)).to.deep.equal(['0:6:ü€\n']);
  });

  it('is never as much as the server goes deaf at, and all of it', () => {
    const bytes = Buffer.alloc(200_001, 'abcdefg');
    const messages = [...typed([bytes.subarray(0, 10), bytes.subarray(10, 70_000), bytes.subarray(70_000)])];
    expect(Math.max(...messages.map(({ length }) => length))).to.be.below(64 * 1024 - 16);
    const parts = messages.map((message) => {
      const [head = '', length = ''] = /^0:(\d+):/.exec(message.toString('latin1')) ?? [];
      const part = message.subarray(head.length);
      expect(part.length).to.equal(Number(length));
      return part;
    });
    expect(Buffer.concat(parts).equals(bytes)).to.equal(true);
    expect([...typed([Buffer.alloc(0)])]).to.deep.equal([]);
  });

  it('gives sizes as termproxy takes them', () => {
    expect(sized(120, 30).toString()).to.equal('1:120:30:');
    expect(sized(0, 1e6).toString()).to.equal('1:1:65535:');
    expect(sized(Number.NaN, 20.7).toString()).to.equal('1:1:20:');
  });
});
