import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { ERROR_EXIT_CODES, LxcriError, isLxcriError } from '../../src/model/errors.ts';
import { METHOD_NAMES } from '../../src/model/request.ts';
import { enumerationsAt } from './schema.ts';

/** The CLI contract, written down a second time: programs match on it. */
const CONTRACT: Record<number, string[]> = {
  124: ['ExecutionTimeout'],
  125: [
    'MissingContainerId',
    'MissingCommand',
    'UsageError',
    'ContainerNotFound',
    'AmbiguousContainer',
    'ContainerNotRunning',
    'ContainerFrozen',
    'ContainerLocked',
    'LockHeld',
    'PlatformUnreachable',
    'NoMethodAvailable',
    'PermissionDenied',
    'AuthenticationFailed',
    'WorkdirNotFound',
    'UserNotFound',
    'ConfigError',
    'InvalidExecutionId',
    'ExecutionRunning',
    'OperationFailed',
    'InternalError',
  ],
  126: ['CommandNotExecutable', 'CommandNotAllowed'],
  127: ['CommandNotFound'],
  255: ['ConnectionLost'],
};

describe('the error codes', () => {
  it('have the exit codes of the contract', () => {
    const expected = Object.entries(CONTRACT).flatMap(([exit, codes]) => codes.map((code) => [code, Number(exit)]));
    expect(ERROR_EXIT_CODES).to.deep.equal(Object.fromEntries(expected));
  });

  it('are those of the JSON Schema', () => {
    expect(enumerationsAt('code')).to.deep.equal([Object.keys(ERROR_EXIT_CODES)]);
  });

  it('and the methods are those of the JSON Schema, wherever one is named', () => {
    expect(enumerationsAt('method')).to.deep.equal([[...METHOD_NAMES], [...METHOD_NAMES]]);
  });

  it('are all documented, each with its exit code', () => {
    const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| (\w+) \| (\d+) \|/gm), ...text.matchAll(/(\w+) \((\d+)\)/g)];
    const documented = rows.map(([, code = '', exitCode]) => [code, Number(exitCode)]);
    expect(documented).to.have.deep.members(Object.entries(ERROR_EXIT_CODES));
  });
});

describe('an error of ours', () => {
  it('shows its code, message and hint, and no hint where there is none', () => {
    expect(new LxcriError('UserNotFound', 'no user', 'list them').toInfo()).to.deep.equal({
      code: 'UserNotFound',
      message: 'no user',
      hint: 'list them',
    });
    expect(new LxcriError('UserNotFound', 'no user').toInfo()).to.have.all.keys('code', 'message');
  });

  it('knows its exit code and its cause', () => {
    const cause = new Error('socket closed');
    const error = new LxcriError('ConnectionLost', 'lost', undefined, { cause });
    expect([error.exitCode, error.cause]).to.deep.equal([255, cause]);
  });

  it('is recognized across bundles by its shape, and nothing else is taken for one', () => {
    const foreign = Object.assign(new Error('of another bundle'), { name: 'LxcriError', code: 'ConfigError' });
    expect(isLxcriError(foreign)).to.equal(true);
    expect(isLxcriError(new LxcriError('ConfigError', ''))).to.equal(true);
    const others = [
      Object.assign(new Error(''), { name: 'LxcriError', code: 'ENOENT' }),
      Object.assign(new Error(''), { code: 'ConfigError' }),
      { name: 'LxcriError', code: 'ConfigError', message: '' },
      null,
      'ConfigError',
    ];
    expect(others.map(isLxcriError)).to.deep.equal(others.map(() => false));
  });
});
