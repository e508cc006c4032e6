import { expect } from 'chai';

import { whatIsShown } from '../../src/framed/prompt.ts';

describe('what a terminal shows', () => {
  for (const [line, shown] of [
    ['# ', 'prompt'],
    ['/ # ', 'prompt'],
    ['root@web:~# ', 'prompt'],
    ['[root@web ~]# ', 'prompt'],
    // Not root's.
    ['user@web:~$ ', 'something'],
    // Of other programs.
    ['postgres=# ', 'something'],
    ['postgres-# ', 'something'],
    ['> ', 'something'],
    // Half a command of somebody.
    ['root@web:~# rm -r', 'something'],
    ['root@web:~#', 'something'],
    ['web login: ', 'login'],
    ['Password: ', 'login'],
    ["root@web's password: ", 'login'],
    ['Enter passphrase for key /root/.ssh/id: ', 'login'],
    ['', 'nothing'],
  ] as const) {
    it(`is ${shown} with ${JSON.stringify(line)} at the cursor`, () => {
      expect(whatIsShown(line, line)).to.equal(shown);
    });
  }

  it('is something where text stands above an empty line', () => {
    expect(whatIsShown('', 'compiling\n')).to.equal('something');
  });
});
