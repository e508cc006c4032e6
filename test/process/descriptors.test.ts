import { openSync } from 'node:fs';

import { expect } from 'chai';

import { run } from '../support/run.ts';

const URL_OF_MODULE = new URL('../../src/process/descriptors.ts', import.meta.url).href;

/** What a program started by a process with these descriptors finds open, with or without our closing them first. */
async function openInChild(redirections: string, close: boolean): Promise<string[]> {
  const code = `
    const { closeInheritedDescriptors } = await import('${URL_OF_MODULE}');
    ${close ? 'closeInheritedDescriptors();' : ''}
    const { spawnSync } = await import('node:child_process');
    const { stdout } = spawnSync('/bin/sh', ['-c', 'for fd in /proc/self/fd/*; do echo "\${fd##*/}"; done'], { encoding: 'utf8' });
    console.log(JSON.stringify(stdout.split('\\n').filter(Boolean)));`;
  const script = `exec ${redirections}; exec "$0" --input-type=module -e "$1"`;
  const { stdout, stderr } = await run(['/bin/bash', '-c', script, process.execPath, code]);
  expect(stderr).to.equal('');
  return JSON.parse(stdout) as string[];
}

describe('inherited descriptors', () => {
  it('do not reach a program that we start, however high', async () => {
    const redirections = '9</ 20</ 30</ 200</dev/null 251</';
    // The kernel and Node leave these alone: without this the test would prove nothing.
    expect(await openInChild(redirections, false)).to.include.members(['30', '200', '251']);
    expect(await openInChild(redirections, true)).not.to.have.any.members(['9', '20', '30', '200', '251']);
  });

  it('are not those that this process has opened itself', async () => {
    const { closeInheritedDescriptors } = await import('../../src/process/descriptors.ts');
    const own = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'));
    const { closeSync, fstatSync } = await import('node:fs');
    closeInheritedDescriptors();
    expect(own.map((fd) => fstatSync(fd).isCharacterDevice())).not.to.include(false);
    own.forEach((fd) => closeSync(fd));
  });
});
