import { spawnSync } from 'node:child_process';

import { expect } from 'chai';

import { exitCodeOfSignal } from '../../src/model/exit-codes.ts';

describe('the exit code of a signal', () => {
  it('is the one a shell gives', () => {
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGKILL', 'SIGUSR1', 'SIGTERM'] as const) {
      const { status } = spawnSync('/bin/sh', ['-c', `sh -c 'kill -${signal.slice(3)} $$'; exit $?`], {
        stdio: 'ignore',
      });
      expect(exitCodeOfSignal(signal), signal).to.equal(status);
    }
  });
});
