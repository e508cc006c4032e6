import { expect } from 'chai';

import { directoryPath } from '../../src/values/directory.ts';
import { invalidValueOf } from './invalid.ts';

describe('the path of a directory', () => {
  it('is absolute, and has no slash at its end', () => {
    expect(['/a', '/a b/c//', '/', '//', '/ä'].map(directoryPath)).to.deep.equal(['/a', '/a b/c', '/', '/', '/ä']);
  });

  it('is refused when it is relative, or holds what no path of a person does', () => {
    for (const text of ['', 'a', './a', '~', '~/a', '\u001b/a'])
      expect(invalidValueOf(() => directoryPath(text)).hint, JSON.stringify(text)).to.include('/');
    for (const text of ['/a\n', '/a\0b', '/a\u007f'])
      expect(invalidValueOf(() => directoryPath(text)).message).to.include('holds a control character');
  });
});
