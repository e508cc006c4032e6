import { constants, closeSync, openSync, readSync } from 'node:fs';

import { expect } from 'chai';

import { scratchDirectory } from '../support/scratch.ts';
import { must } from '../support/run.ts';
import { waitFor } from '../support/wait-for.ts';
import { runModule, startModule } from './module.ts';

describe('our messages', () => {
  it('are one line on standard error that no text from elsewhere can break', () => {
    const { stdout, stderr } = runModule('cli/messages.ts', String.raw`module.say('a\u001b[31m\nb\rc\u202e é');`);
    expect(stdout).to.equal('');
    expect(stderr).to.equal('proxmox-lxcri: a\\u001b[31m\\u000ab\\u000dc\\u202e é\n');
  });

  it('name the code of an error, and what to do next', () => {
    const code = `
      module.sayError({ code: 'UserNotFound', message: 'no user', hint: 'list them' });
      module.sayError({ code: 'UserNotFound', message: 'no user' });`;
    expect(runModule('cli/messages.ts', code).stderr).to.equal(
      'proxmox-lxcri: UserNotFound: no user; list them\nproxmox-lxcri: UserNotFound: no user\n',
    );
  });

  it('do no harm where standard error is closed, or its reader has gone', async () => {
    const code = `
      module.say('x');
      process.stdout.write('alive');`;
    const closed = await must(['/bin/sh', '-c', '"$@" 2>&-', 'sh', ...nodeWords(code)]);
    expect(closed.stdout).to.equal('alive');
    const gone = await must([
      '/bin/bash',
      '-c',
      '"$@" 2> >(exec true; ) | cat; exit ${PIPESTATUS[0]}',
      'sh',
      ...nodeWords(code),
    ]);
    expect(gone.stdout).to.equal('alive');
  });

  it('arrive whole in a full pipe that does not block', async () => {
    const path = `${scratchDirectory()}/pipe`;
    await must(['mkfifo', path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const child = startModule('cli/messages.ts', `module.say('x'.repeat(300_000)); module.say('end');`, {
      stdio: ['ignore', 'ignore', writer],
    });
    closeSync(writer);
    try {
      const chunk = Buffer.alloc(10_000);
      let text = '';
      await waitFor(
        () => {
          text += chunk.toString('utf8', 0, readSync(reader, chunk));
          return text.endsWith('end\n');
        },
        { what: 'both messages', intervalMs: 1 },
      );
      expect(text).to.equal(`proxmox-lxcri: ${'x'.repeat(300_000)}\nproxmox-lxcri: end\n`);
    } finally {
      child.kill('SIGKILL');
      closeSync(reader);
    }
  });
});

function nodeWords(code: string): string[] {
  const url = new URL('../../src/cli/messages.ts', import.meta.url).href;
  return [process.execPath, '--input-type=module', '-e', `const module = await import('${url}');${code}`];
}
