import { expect } from 'chai';

import { fingerprintOf } from '../../src/values/fingerprint.ts';
import { invalidValueOf } from './invalid.ts';

const FINGERPRINT = Array.from({ length: 32 }, (_, index) => (index * 7 + 16).toString(16).padStart(2, '0').slice(-2))
  .join(':')
  .toUpperCase();

describe('fingerprintOf', () => {
  it('reads one with colons or without, in any case', () => {
    for (const text of [FINGERPRINT, FINGERPRINT.toLowerCase(), FINGERPRINT.replaceAll(':', '')])
      expect(fingerprintOf(text)).to.equal(FINGERPRINT);
  });

  it('refuses what is none', () => {
    for (const text of [
      '',
      'AA:BB',
      FINGERPRINT.slice(3),
      `${FINGERPRINT}:00`,
      FINGERPRINT.replace('1', 'g'),
      `${FINGERPRINT}\n`,
      'A'.repeat(63) + ':A',
    ])
      expect(invalidValueOf(() => fingerprintOf(text)).hint).to.include('pvenode cert info');
  });
});
