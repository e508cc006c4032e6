import { expect } from 'chai';

import { parseUser } from '../../../src/cli/values/user.ts';
import { usageErrorOf } from './usage-error.ts';

describe('a user', () => {
  it('is a name or a number, with a group or without', () => {
    for (const [text, user, group] of [
      ['root', 'root'],
      ['www-data', 'www-data'],
      ['_apt', '_apt'],
      ['first.last', 'first.last'],
      ['MACHINE$', 'MACHINE$'],
      ['0', '0'],
      ['4294967294', '4294967294'],
      ['app:extra', 'app', 'extra'],
      ['1000:2000', '1000', '2000'],
      ['app:2000', 'app', '2000'],
    ] as const) {
      expect(parseUser(text), text).to.deep.equal(group === undefined ? { user } : { user, group });
    }
  });

  it('is refused when it could be anything else to a tool in the container', () => {
    for (const text of [
      '',
      ':',
      'app:',
      ':app',
      'a:b:c',
      '-1',
      '--help',
      'a b',
      'a\nb',
      'a\0',
      '../x',
      'a/b',
      '$(id)',
      'x'.repeat(256),
      '4294967295',
      '99999999999999999999',
      'app:-g',
      'é',
    ]) {
      expect(usageErrorOf(() => parseUser(text)).message.length, text).to.be.below(200);
    }
  });
});
