import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { asHostFailure } from '../../src/oci/host-failure.ts';

describe('a failure of this host', () => {
  it('is an error of ours that keeps its cause', () => {
    let cause: unknown;
    try {
      readFileSync('/proc/no-such-file');
    } catch (error) {
      cause = error;
    }
    const known = asHostFailure(cause) as LxcriError;
    expect(known).to.be.instanceOf(LxcriError);
    expect(known.code).to.equal('PlatformUnreachable');
    expect(known.message).to.match(/^this host failed: ENOENT: .*no-such-file/);
    expect(known.cause).to.equal(cause);
  });

  it('is nothing else', () => {
    for (const error of [new LxcriError('UsageError', 'x'), new TypeError('x'), 'text', undefined])
      expect(asHostFailure(error)).to.equal(error);
  });
});
