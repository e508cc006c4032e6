import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { failedResult, newResult } from '../../src/oci/new-result.ts';
import { LxcriError } from '../../src/model/errors.ts';
import type { ExecResult } from '../../src/model/result.ts';
import { runModule } from './module.ts';

const RESULT: ExecResult = { ...newResult('', ['apt-get', '-psecret'], new Date()), started: true, durationMs: 12_345 };

describe('a report of a failure only', () => {
  /** Reports a result in a process of its own, after the streams have received these texts. */
  function report(result: ExecResult, texts = { stdout: 'out\n', stderr: 'err\n' }, limit = 1000) {
    const code = `
      const kept = module.onlyOnFailure(${limit});
      kept.outputs.stdout.stream().write(${JSON.stringify(texts.stdout)});
      kept.outputs.stderr.stream().write(${JSON.stringify(texts.stderr)});
      process.exit(await kept.report('web', ${JSON.stringify(result)}));`;
    const { status, stdout, stderr } = runModule('cli/only-on-failure.ts', code);
    return { status, stdout, stderr };
  }

  it('is nothing at all after a success', () => {
    expect(report(RESULT)).to.deep.equal({ status: 0, stdout: '', stderr: '' });
  });

  it('is one line, and the output on its two streams', () => {
    expect(report({ ...RESULT, exitCode: 100 })).to.deep.equal({
      status: 100,
      stdout: 'out\n',
      stderr: 'proxmox-lxcri: web: apt-get: exit code 100 after 12.3s\nerr\n',
    });
  });

  it('names the error, and what to do next', () => {
    const error = { code: 'ExecutionTimeout' as const, message: 'too slow', hint: 'give it more time' };
    const { status, stderr } = report({ ...RESULT, exitCode: 124, timedOut: true, error });
    expect([status, stderr]).to.deep.equal([
      124,
      'proxmox-lxcri: ExecutionTimeout: web: apt-get: too slow, exit code 124 after 12.3s; give it more time\nerr\n',
    ]);
  });

  it('is made where nothing was started as well', () => {
    const result = failedResult(new LxcriError('ContainerNotRunning', 'it is stopped'), ['apt-get']);
    expect(report(result, { stdout: '', stderr: '' })).to.deep.equal({
      status: 125,
      stdout: '',
      stderr: 'proxmox-lxcri: ContainerNotRunning: web: apt-get: it is stopped, exit code 125 after 0ms\n',
    });
  });

  it('tells of a signal, and of who held the output', () => {
    const { stderr } = report({ ...RESULT, exitCode: 143, canceled: true, outputIncomplete: true });
    expect(stderr.split('\n')[0]).to.equal(
      'proxmox-lxcri: web: apt-get: ended by a signal, exit code 143 after 12.3s; a process that it left running held its output',
    );
  });

  it('tells how much is left out', () => {
    const { stdout, stderr } = report({ ...RESULT, exitCode: 1 }, { stdout: '0123456789', stderr: '' }, 4);
    expect([stdout, stderr]).to.deep.equal([
      '0189',
      'proxmox-lxcri: web: apt-get: exit code 1 after 12.3s; 6 bytes from the middle of its stdout are left out (--max-output)\n',
    ]);
  });

  it('is one line whatever the words of the command are', () => {
    const { stderr } = report({ ...RESULT, command: ['a\nb\u001b[31m'], exitCode: 1 }, { stdout: '', stderr: '' });
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(stderr.slice(0, -1)).not.to.match(/[\u0000-\u001f]/);
    expect(stderr).to.match(/^proxmox-lxcri: web: a.*b.*: exit code 1 after 12\.3s\n$/);
  });

  it('keeps the exit code when nobody reads it', () => {
    const code = `
      const kept = module.onlyOnFailure(1000000);
      for (let at = 0; at < 100; at++) kept.outputs.stdout.stream().write(Buffer.alloc(65536));
      process.stderr.write(String(await kept.report('web', ${JSON.stringify({ ...RESULT, exitCode: 7 })})));`;
    const url = new URL('../../src/cli/only-on-failure.ts', import.meta.url).href;
    const program = `const module = await import(${JSON.stringify(url)});${code}`;
    const { stderr } = spawnSync(
      '/bin/sh',
      ['-c', '"$0" --input-type=module -e "$1" | true', process.execPath, program],
      { encoding: 'utf8' },
    );
    expect(stderr).to.match(/exit code 7 after[^\n]*\n7$/);
  });
});
