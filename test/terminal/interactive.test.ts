import { expect } from 'chai';

import { isInteractive } from '../../src/terminal/interactive.ts';

function check(expected: boolean, lines: readonly string[]): void {
  for (const line of lines) expect(isInteractive(line.split(' ').filter(Boolean)), line).to.equal(expected);
}

describe('a command that wants a terminal', () => {
  it('is a login shell, or a shell without a script', () => {
    check(true, ['', 'sh', 'bash', '/bin/bash', '/usr/local/bin/zsh', 'ash -l', 'bash -i', 'sh -x', 'bash -ic id']);
  });

  it('is an editor, a pager or a monitor', () => {
    check(true, [
      'vi /etc/hosts',
      '/usr/bin/vim',
      'nano -w x',
      'less -S x',
      'top',
      '/usr/bin/htop',
      'mysql -u root',
      'passwd app',
    ]);
  });

  it('is not a shell that is given a script', () => {
    check(false, ['sh -c id', 'bash -lc id', 'sh script', 'sh /x/script.sh arg', 'bash -x script', 'sh -ec id']);
  });

  it('is not anything else', () => {
    check(false, ['ls', 'env', 'cat -i', 'vimdiff', 'top-like', 'sh.real', '/opt/vi/run', './bash.sh', 'python3 -i']);
  });

  it('is a shell with long options', () => {
    check(true, ['bash --login', 'bash --norc', 'bash --noprofile -i']);
  });

  it('is not a script because of an option of its own', () => {
    check(false, ['sh script -i', 'bash deploy.sh -vi', 'bash -c id -i']);
  });
});
