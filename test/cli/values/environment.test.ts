import { writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { parseEnvironment } from '../../../src/cli/values/environment.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { usageErrorOf } from './usage-error.ts';

const CALLER = { HERE: 'from the caller', EMPTY: '', BROKEN: 'a\uFFFD' };

describe('the environment of a command', () => {
  let directory: string;

  before(() => {
    directory = scratchDirectory();
  });

  function file(content: string | Buffer): string {
    const path = `${directory}/env`;
    writeFileSync(path, content);
    return path;
  }

  function read(entries: readonly string[], content?: string): [string, string][] {
    return [...parseEnvironment(entries, content === undefined ? [] : [file(content)], CALLER)];
  }

  it('takes values as they are', () => {
    expect(read(['A=1', 'B=', 'C=a=b', 'D= x ', 'E="q"', 'F=a\nb', '_g1=é'])).to.deep.equal([
      ['A', '1'],
      ['B', ''],
      ['C', 'a=b'],
      ['D', ' x '],
      ['E', '"q"'],
      ['F', 'a\nb'],
      ['_g1', 'é'],
    ]);
  });

  it("takes the caller's value for a name alone, also an empty one", () => {
    expect(read(['HERE', 'EMPTY'])).to.deep.equal([
      ['HERE', 'from the caller'],
      ['EMPTY', ''],
    ]);
    expect(usageErrorOf(() => read(['MISSING'])).message).to.include('MISSING is not set here');
  });

  it('takes the last of several, and the command line over files', () => {
    expect(read(['A=2', 'A=3'], 'A=file\nB=file\n')).to.deep.equal([
      ['A', '3'],
      ['B', 'file'],
    ]);
  });

  it('knows that what every object has is no variable', () => {
    for (const key of ['toString', 'constructor', 'hasOwnProperty']) {
      expect(usageErrorOf(() => parseEnvironment([key], [], process.env)).message).to.include(`${key} is not set here`);
    }
  });

  it('reads files: comments, empty lines, CRLF, a name alone, no newline at the end', () => {
    const content = '# comment\n\n  # indented comment\r\nA=1\r\n  B=two words \nC=#no comment\nHERE\nD=end';
    expect(read([], content)).to.deep.equal([
      ['A', '1'],
      ['B', 'two words '],
      ['C', '#no comment'],
      ['HERE', 'from the caller'],
      ['D', 'end'],
    ]);
  });

  it('takes names that no shell can hold', () => {
    expect(read(['1A=x', 'A-B=y', 'é=z'], 'a.b=c\n')).to.deep.equal([
      ['a.b', 'c'],
      ['1A', 'x'],
      ['A-B', 'y'],
      ['é', 'z'],
    ]);
    const { message, hint } = usageErrorOf(() => read(['a.b']));
    expect(`${message} ${hint}`).to.match(/no such variable is set here.*the shell that starts this program/);
  });

  it('refuses names that nobody means, or that are ours', () => {
    for (const entry of [
      '-A=x',
      '=x',
      ' A=x',
      'A =x',
      'export A=x',
      'A\n=x',
      '',
      '-e',
      'PROXMOX_LXCRI_EXEC_ID=x',
      'PROXMOX_LXCRI_ENV_0=x',
    ]) {
      usageErrorOf(() => read([entry]));
    }
  });

  it('refuses bytes that Node has already replaced, and NUL', () => {
    usageErrorOf(() => read(['BROKEN']));
    usageErrorOf(() => read(['A=a\0b']));
    expect(read(['A=a\uFFFD'])).to.deep.equal([['A', 'a\uFFFD']]);
  });

  it('says which file and line is wrong', () => {
    const path = file('A=1\n\nnot a name=secret\n');
    expect(usageErrorOf(() => parseEnvironment([], [path], {})).message).to.include(`${path}:3`);
    expect(usageErrorOf(() => parseEnvironment([], [`${directory}/none`], {})).message).to.include('ENOENT');
    expect(usageErrorOf(() => parseEnvironment([], [directory], {})).message).to.include('EISDIR');
    const binary = file(Buffer.from([0x41, 0x3d, 0xff]));
    expect(usageErrorOf(() => parseEnvironment([], [binary], {})).message).to.include('not valid UTF-8');
  });

  it('never shows a value in an error', () => {
    // A forgotten "KEY=" makes the value look like a name.
    for (const entry of [
      'hunter2-secret',
      'PROXMOX_LXCRI_X=hunter2',
      'bad key=hunter2',
      '-A-B=hunter2',
      'A\u0001=hunter2',
      'A=\0hunter2',
      'hunter2\nx=y',
    ]) {
      const { message, hint } = usageErrorOf(() => read([entry]));
      expect(`${message} ${hint}`, entry).not.to.include('hunter2');
      expect(usageErrorOf(() => read([], `${entry.replaceAll('\n', ' ')}\n`)).message).not.to.include('hunter2');
    }
  });
});
