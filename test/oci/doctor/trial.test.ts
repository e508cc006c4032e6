import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { callerOf, judged, timeMethod, tryMethod } from '../../../src/oci/doctor/trial.ts';
import type { Caller } from '../../../src/oci/doctor/trial.ts';
import { startContainer, scratchDirectory } from '../../support/lxc.ts';
import type { Container } from '../../support/lxc.ts';
import { CLI } from '../../methods/contract/cli.ts';
import { resultWith } from './results.ts';

const { signal: NEVER } = new AbortController();

describe('the trial of a method', () => {
  const good = { stdout: "a b||it's $HOME `id` \\ *|--|-n|é\n€|", stderr: 'error output', exitCode: 42 };

  it('works where words, streams and exit code arrive as they were', () => {
    expect(judged(resultWith(good))).to.deep.equal({ result: 'works', reason: null, nothingToRun: false });
  });

  it('is unfaithful where something does not', () => {
    const { stdout, stderr } = good;
    for (const [wrong, what] of [
      [{ stdout: stdout.replace('é', '??') }, 'the words'],
      [{ stdout: stdout + stderr, stderr: '' }, 'the words and the error output'],
      [{ exitCode: 0 }, 'the exit code'],
    ] as const) {
      expect(judged(resultWith({ ...good, ...wrong }))).to.deep.include({
        result: 'unfaithful',
        reason: `${what} did not arrive as they were`,
      });
    }
  });

  it('says why it cannot be tried, or did not run', () => {
    const error = { code: 'NoMethodAvailable', message: 'no method can run this' } as const;
    const skipped = { method: 'pct', outcome: 'skipped', reason: 'pct is not installed' } as const;
    expect(judged(resultWith({ error, attempts: [skipped] }))).to.deep.include({
      result: 'unavailable',
      reason: 'pct is not installed',
    });
    expect(judged(resultWith({ error, attempts: [{ ...skipped, outcome: 'failed-before-start' }] })).result).to.equal(
      'fails',
    );
    expect(judged(resultWith({ error, attempts: [] }))).to.deep.include({ result: 'fails', reason: error.message });
  });

  it('fails with the limit where there was no answer in time', () => {
    const error = { code: 'ExecutionTimeout', message: 'timed out' } as const;
    const attempts = [{ method: 'pct', outcome: 'failed-before-start', reason: 'canceled' }] as const;
    expect(judged(resultWith({ error, timedOut: true, attempts: [...attempts] }))).to.deep.equal({
      result: 'fails',
      reason: 'no answer within 30 s',
      nothingToRun: false,
    });
  });

  it('tells a container that has nothing to run from a method that does not work', () => {
    const error = { code: 'CommandNotFound', message: 'no /bin/sh' } as const;
    expect(judged(resultWith({ error, exitCode: 127 }))).to.deep.include({ result: 'untried', nothingToRun: true });
  });

  it('has no time where it failed', async () => {
    const caller = (given: Parameters<typeof resultWith>[0]): Caller => ({
      exec: () => Promise.resolve({ result: resultWith(given), durationMs: 12.345 }),
    });
    expect(await timeMethod(caller({}), 'pct', 'web', NEVER)).to.equal(12.3);
    expect(await timeMethod(caller({ exitCode: 1 }), 'pct', 'web', NEVER)).to.equal(undefined);
    const error = { code: 'ConnectionLost', message: 'lost' } as const;
    expect(await timeMethod(caller({ error }), 'pct', 'web', NEVER)).to.equal(undefined);
  });
});

describe('the program as users call it', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('tries and times a method in a real container', async () => {
    const caller = callerOf(CLI, process.env);
    expect(await tryMethod(caller, 'lxc-attach', container.name, NEVER)).to.deep.equal({
      result: 'works',
      reason: null,
      nothingToRun: false,
    });
    expect(await timeMethod(caller, 'lxc-attach', container.name, NEVER)).to.be.within(5, 30_000);
    const { result, reason } = await tryMethod(caller, 'pct', container.name, NEVER);
    expect([result, reason]).to.deep.equal(['unavailable', 'not a Proxmox container']);
  });

  it('is not believed where it prints no result', async () => {
    const file = join(scratchDirectory(), 'program');
    writeFileSync(file, '#!/bin/sh\necho nothing\n');
    chmodSync(file, 0o755);
    const failed = await callerOf(file, process.env)
      .exec([], NEVER)
      .catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(Error).with.property('message', `${file} exec printed no result`);
  });

  it('is ended when it is aborted', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const words = ['--method', 'lxc-attach', container.name, '--', 'sleep', '1000'];
    const call = callerOf(CLI, process.env)
      .exec(words, abort.signal)
      .catch((error: unknown) => error);
    setImmediate(() => abort.abort(reason));
    expect(await call).to.equal(reason);
  });
});
