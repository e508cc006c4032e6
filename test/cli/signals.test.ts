import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { expect } from 'chai';

import { waitFor } from '../support/wait-for.ts';
import { startModule } from './module.ts';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** Says what is forwarded; stops forwarding when it reads something. */
const PROGRAM = `
  const say = (text) => process.stdout.write(text + '\\n');
  const stop = module.forwardSignals({ signal: (name) => say(name), resize: () => say('resize') });
  process.stdin.once('data', () => {
    stop();
    say('stopped');
  });
  say('ready');
`;

describe('forwarding signals', () => {
  let child: ChildProcess;
  let said: string;

  beforeEach(async () => {
    said = '';
    child = startModule('cli/signals.ts', PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await waitFor(() => said === 'ready\n', { what: 'the program' });
  });

  afterEach(() => {
    child.kill('SIGKILL');
  });

  it('passes on each of them, and survives it', async () => {
    for (const signal of FORWARDED) {
      child.kill(signal);
      await waitFor(() => said.endsWith(`${signal}\n`), { what: signal });
    }
    expect(said).to.equal(['ready', ...FORWARDED, ''].join('\n'));
    expect(child.exitCode).to.equal(null);
  });

  it('ends when it is told to', async () => {
    child.stdin?.write('x');
    await waitFor(() => said.endsWith('stopped\n'), { what: 'the end of forwarding' });
    child.kill('SIGTERM');
    const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    expect(signal).to.equal('SIGTERM');
  });
});
