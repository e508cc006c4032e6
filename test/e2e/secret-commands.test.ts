/** The command that a secret is asked of does not outlive who asked, however that ends. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { startCli } from '../methods/contract/cli.ts';
import type { CliResult } from '../methods/contract/cli.ts';
import { processInfo } from '../support/proc.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';

const FINGERPRINT = Array.from({ length: 32 }, () => 'AA').join(':');

describe('the command of a secret', () => {
  const folder = scratchDirectory();
  const pids = join(folder, 'pids');
  const env = {
    PROXMOX_LXCRI_CONTEXTS: join(folder, 'contexts.yaml'),
    PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
    PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
  };

  before(() => {
    // The pids are in the file when all of them run. Nobody is asked at that address before there is a secret.
    const script = '{ sleep 1000 & echo $!; setsid sleep 1000 & echo $!; echo $$; } >"$0.new"; mv "$0.new" "$0"; wait';
    const context = (identity: object, key: string): object => ({
      hosts: [{ address: '127.0.0.1:1', fingerprint: FINGERPRINT }],
      ...identity,
      [key]: ['sh', '-c', script, pids],
    });
    const contexts = {
      bytoken: context({ token: 'root@pam!full' }, 'tokenCommand'),
      byuser: context({ user: 'root@pam' }, 'passwordCommand'),
    };
    writeFileSync(env.PROXMOX_LXCRI_CONTEXTS, JSON.stringify({ contexts }), { mode: 0o600 });
  });

  async function endedWith(words: readonly string[], end?: NodeJS.Signals): Promise<CliResult> {
    rmSync(pids, { force: true });
    const running = startCli(words, { env });
    await waitFor(() => existsSync(pids), { what: 'the command', timeoutMs: 60_000 });
    const started = readFileSync(pids, 'utf8').trim().split('\n').map(Number);
    expect(started.length).to.equal(3);
    if (end !== undefined) running.child.kill(end);
    // It ends when nobody holds our standard error any more.
    const done = await running.ended;
    for (const pid of started) {
      const gone = (): boolean => (processInfo(pid)?.state ?? 'Z') === 'Z';
      await waitFor(gone, { what: `the end of ${pid}`, timeoutMs: 20_000 });
    }
    return done;
  }

  it('ends with --timeout', async () => {
    const done = await endedWith(['ps', '--context', 'byuser', '--timeout', '10s']);
    expect([done.exitCode, done.stderr.toString().includes('ExecutionTimeout')]).to.deep.equal([124, true]);
  });

  for (const context of ['bytoken', 'byuser']) {
    for (const [signal, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      it(`ends with ${signal} (${context})`, async () => {
        const done = await endedWith(['state', '--context', context, '101'], signal);
        expect([done.exitCode, done.stderr.toString()]).to.deep.equal([exitCode, '']);
        const exec = await endedWith(['exec', '--context', context, '101', '--', 'true'], signal);
        expect(exec.exitCode).to.equal(exitCode);
      });
    }
  }
});
