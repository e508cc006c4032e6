import { expect } from 'chai';

import { addressText, parseAddress } from '../../src/vsock/address.ts';

describe('the address of a microVM', () => {
  it('is the socket of its VMM, or its CID, and a port', () => {
    expect(parseAddress('/run/vm.sock')).to.deep.equal({ kind: 'hybrid', path: '/run/vm.sock', port: 2222 });
    expect(parseAddress('/run/vm.sock:5000')).to.deep.equal({ kind: 'hybrid', path: '/run/vm.sock', port: 5000 });
    expect(parseAddress('/run/a:b/vm.sock')).to.deep.equal({ kind: 'hybrid', path: '/run/a:b/vm.sock', port: 2222 });
    expect(parseAddress('/run/vm:1:2')).to.deep.equal({ kind: 'hybrid', path: '/run/vm:1', port: 2 });
    expect(parseAddress('3')).to.deep.equal({ kind: 'cid', cid: 3, port: 2222 });
    expect(parseAddress('4294967294:4294967294')).to.deep.equal({
      kind: 'cid',
      cid: 4_294_967_294,
      port: 4_294_967_294,
    });
  });

  it('is shown as it can be typed', () => {
    for (const text of ['/run/vm.sock', '/run/vm.sock:5000', '3', '42:1']) {
      const address = parseAddress(text);
      expect('wrong' in address ? address : addressText(address)).to.equal(text);
    }
    const usual = parseAddress('/run/vm.sock:2222');
    expect('wrong' in usual ? usual : addressText(usual)).to.equal('/run/vm.sock');
  });

  it('is no longer than the kernel takes, and it is said how long it may be', () => {
    expect(parseAddress(`/${'x'.repeat(106)}`)).to.have.property('kind', 'hybrid');
    const found = parseAddress(`/${'x'.repeat(107)}:5000`);
    expect('wrong' in found ? found.wrong : '').to.contain('at most 107 bytes, and this one has 108');
  });

  for (const text of [
    '',
    'vm',
    'run/vm.sock',
    '/run/',
    '/run/\u001b[31m',
    `/${'x'.repeat(107)}`,
    '0',
    '2',
    '4294967295',
    '99999999999',
    '3:0',
    '3:4294967295',
    '3:x',
    '3:',
    '-3',
    '/run/vm.sock:99999999999',
  ])
    it(`is not ${JSON.stringify(text.slice(0, 30))}, and it is said what to write`, () => {
      const found = parseAddress(text);
      expect(found).to.have.property('wrong');
      expect('hint' in found ? found.hint : '').not.to.equal('');
    });
});
