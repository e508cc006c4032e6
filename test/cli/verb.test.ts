import { Errors } from '@oclif/core';
import { expect } from 'chai';

import { ownError } from '../../src/cli/verb.ts';
import { LxcriError } from '../../src/model/errors.ts';

describe('an error of a verb', () => {
  it('is one of ours as it is', () => {
    const error = new LxcriError('ContainerNotFound', 'no container web');
    expect(ownError(error, 'ps')).to.equal(error);
  });

  it('is a usage error where oclif does not understand the words: its first line, and where help is', () => {
    const error = ownError(new Errors.CLIError('Nonexistent flag: --nope\nSee more help with --help'), 'ps');
    expect(error.toInfo()).to.deep.equal({
      code: 'UsageError',
      message: 'nonexistent flag: --nope',
      hint: 'see: proxmox-lxcri ps --help',
    });
  });

  it("is this host's where the kernel refuses", () => {
    const error = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE', syscall: 'open' });
    expect(ownError(error, 'ps').toInfo()).to.include({
      code: 'PlatformUnreachable',
      message: 'this host failed: EMFILE: too many open files',
    });
  });

  it('is a mistake of ours otherwise, and not hidden', () => {
    const cause = new TypeError('undefined is not a function');
    const error = ownError(cause, 'ps');
    expect(error).to.deep.include({ code: 'InternalError', cause });
    expect(error.message).to.match(/^proxmox-lxcri itself has failed \(TypeError at verb\.test\.ts:\d+:\d+\)$/);
    expect(ownError('text', 'ps').code).to.equal('InternalError');
    expect(() => ownError(new Errors.ExitError(0), 'ps')).to.throw(Errors.ExitError);
  });
});
