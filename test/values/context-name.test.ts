import { expect } from 'chai';

import { contextName } from '../../src/values/context-name.ts';
import { invalidValueOf } from './invalid.ts';

describe('contextName', () => {
  it('takes what can be the name of a file, and no more', () => {
    for (const name of ['home', 'a', '192.0.2.1', 'Lab_2-x.y', 'a'.repeat(63)])
      expect(contextName(name)).to.equal(name);
    for (const name of ['', '.', '..', '.x', '-x', '_x', 'a/b', 'a b', 'a\n', 'ä', 'a'.repeat(64)])
      invalidValueOf(() => contextName(name));
  });
});
