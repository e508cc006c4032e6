import { expect } from 'chai';

import { serverAddress } from '../../src/values/address.ts';
import { invalidValueOf } from './invalid.ts';

describe('serverAddress', () => {
  it('reads names and addresses, with a port and without, and as a browser has them', () => {
    const cases: [string, string, number][] = [
      ['pve1', 'pve1', 8006],
      ['pve1.example.', 'pve1.example.', 8006],
      ['pve1.example:443', 'pve1.example', 443],
      ['192.0.2.1', '192.0.2.1', 8006],
      ['192.0.2.1:8007', '192.0.2.1', 8007],
      ['::1', '::1', 8006],
      ['[2001:db8::1]', '2001:db8::1', 8006],
      ['[2001:db8::1]:443', '2001:db8::1', 443],
      ['https://pve1.example:8006/', 'pve1.example', 8006],
      ['HTTPS://pve1/#v1:0:18:4', 'pve1', 8006],
    ];
    for (const [text, host, port] of cases) expect(serverAddress(text)).to.deep.equal({ host, port });
  });

  it('refuses what is none', () => {
    for (const text of [
      '',
      ':8006',
      'pve1:',
      'pve1:0',
      'pve1:65536',
      'pve1:8006:1',
      'http://pve1',
      'https://pve1/path',
      'user@pve1',
      '-oProxyCommand=x',
      'pve 1',
      'pve1\n',
      '[pve1]',
      '[::1',
      '..',
    ])
      expect(invalidValueOf(() => serverAddress(text)).hint, text).to.include('pve1.example:8006');
  });
});
