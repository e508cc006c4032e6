import { Readable } from 'node:stream';

import { expect } from 'chai';

import { AVAILABLE_METHODS } from '../../src/methods/registry.ts';
import { LxcriError } from '../../src/model/errors.ts';
import { checkExec } from '../../src/runtime/check-exec.ts';
import type { ExecOptions } from '../../src/runtime/exec-options.ts';

/** What a call of exec is refused with; arguments as a program without types may give them. */
function refusal(target: unknown, command: unknown, options: unknown = {}): LxcriError {
  try {
    checkExec(target, command, options as ExecOptions);
  } catch (error) {
    if (error instanceof LxcriError) return error;
    throw error;
  }
  throw new Error('not refused');
}

describe('a call of exec', () => {
  it('is refused for a container or a command that is none', () => {
    for (const [target, command, message] of [
      [101, ['true'], 'the container is 101, not text'],
      [undefined, ['true'], 'the container is a value of type undefined, not text'],
      ['web', 'ls -l', 'the command is "ls -l", not an array of words'],
      ['web', undefined, 'the command is a value of type undefined, not an array of words'],
      ['web', ['ls', 5], 'word 1 of the command is 5'],
      ['web', ['a\0b'], 'word 0 of the command is not text that can be passed on'],
      ['web', ['\ud800'], 'word 0 of the command is not text that can be passed on'],
      ['web', [Buffer.from([1, 0, 2])], 'word 0 of the command is a value of type object'],
    ] as const) {
      expect(refusal(target, command)).to.deep.include({ code: 'UsageError', message });
    }
    expect(refusal('web', []).code).to.equal('MissingCommand');
  });

  it('is refused for a method that there is not, with those that this version has', () => {
    for (const [name, quoted] of [
      ['ssh', '"ssh"'],
      [5, '5'],
    ] as const) {
      const { message, hint } = refusal('web', ['true'], { methods: ['pct', name] });
      expect(message).to.equal(`the option methods names ${quoted}, which is no method`);
      expect(hint).to.equal(`this version has: ${AVAILABLE_METHODS.join(', ')}`);
    }
  });

  it('is refused for an option that is wrong, which is named', () => {
    for (const [name, ...values] of [
      ['workdir', 'relative', '', 5, '/a\0b'],
      ['user', '', 'a:b:c', '../x', 7, { user: '-x' }, { user: 'a', group: 'b c' }, { group: 'a' }, null],
      ['privileged', 1, 'yes'],
      ['input', 5, {}, Readable.from([]).destroy()],
      ['stdin', 'capture', true, Readable.from(['x'])],
      ['stdout', 'null', 1],
      ['stderr', 'both'],
      ['maxOutputBytes', -1, 1.5, 2 ** 40, '8M', Number.NaN],
      ['timeoutMs', 0, -5, '30s', Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31],
      ['killAfterMs', 0, 2 ** 31],
      ['signal', 'SIGTERM', {}],
      ['methods', 'pct', []],
      ['node', 5],
      ['terminal.type', ''],
      ['env', 'A=1', null],
    ] as const) {
      for (const value of values) {
        const options = name === 'terminal.type' ? { terminal: { type: value } } : { [name]: value };
        const { code, message, hint } = refusal('web', ['true'], options);
        expect([code, message.startsWith(`the option ${name} is `)], message).to.deep.equal(['UsageError', true]);
        expect(hint).to.be.a('string');
      }
    }
  });

  it('is refused for options that are unknown, or no object', () => {
    expect(refusal('web', ['true'], { timeout: 5 })).to.deep.include({
      code: 'UsageError',
      message: 'there is no option "timeout"',
    });
    for (const options of [null, 'tty', ['x']]) expect(refusal('web', ['true'], options).code).to.equal('UsageError');
    expect(refusal('web', ['true'], { terminal: { cols: 5 } }).message).to.equal('there is no option "cols"');
    for (const size of [{ columns: 0 }, { rows: 65_536 }, { columns: 1.5 }, { rows: '24' }])
      expect(refusal('web', ['true'], { terminal: size }).message).to.match(/^the terminal's (columns|rows) are /);
  });

  it('is refused for options that contradict each other', () => {
    for (const options of [
      { input: 'x', stdin: 'pipe' },
      { terminal: {}, stderr: 'pipe' },
      { terminal: {}, stderr: 'capture' },
      { terminal: {}, stdin: 'inherit' },
      { terminal: {}, stdin: 'pipe', stdout: 'inherit' },
    ]) {
      expect(refusal('web', ['sh'], options).code, JSON.stringify(options)).to.equal('UsageError');
    }
  });

  it('never shows a value of a variable', () => {
    for (const env of [
      { 'A B': 'secret' },
      { KEY: 'secret\0' },
      { KEY: ['secret'] },
      { PROXMOX_LXCRI_X: 'secret' },
      { '-A': 'secret' },
    ]) {
      const { message, hint } = refusal('web', ['true'], { env });
      expect(`${message} ${hint}`).not.to.include('secret');
    }
  });

  it('is completed', () => {
    const word = Buffer.from([0xff]);
    const call = checkExec('web', ['printf', word], {
      env: { A: '1', GONE: undefined },
      user: { user: '33', group: 'adm' },
    });
    expect(call).to.deep.include({
      command: ['printf', word],
      user: { user: '33', group: 'adm' },
      terminal: undefined,
      stdin: 'ignore',
      stdout: 'capture',
      stderr: 'capture',
    });
    expect([...call.env]).to.deep.equal([['A', '1']]);
    expect(checkExec('web', ['true'], { user: 'www-data:adm' }).user).to.deep.equal({ user: 'www-data', group: 'adm' });
    const login = checkExec('web', [], { terminal: { rows: 50 } });
    expect(login.terminal).to.deep.equal({ columns: 80, rows: 50, type: 'xterm' });
    expect(login.stderr).to.equal('ignore');
  });

  it('takes every option without a value as not given', () => {
    const names = ['env', 'workdir', 'user', 'privileged', 'terminal', 'input', 'stdin', 'stdout', 'stderr'];
    const more = ['maxOutputBytes', 'timeoutMs', 'killAfterMs', 'signal', 'methods', 'node'];
    const options = Object.fromEntries([...names, ...more].map((name) => [name, undefined]));
    expect(checkExec('web', ['true'], options)).to.deep.include({
      stdin: 'ignore',
      stdout: 'capture',
      methods: undefined,
    });
  });
});
