import { expect } from 'chai';

import { newExecutionId } from '../../src/oci/new-result.ts';
import { allProcesses, readProcess } from '../../src/process/proc.ts';
import { timerSlackFor, timerSlackOf, withTimerSlack } from '../../src/process/timer-slack.ts';
import { processInfo } from '../support/proc.ts';
import { waitFor } from '../support/wait-for.ts';
import { newChildren } from './children.ts';

describe('the timer slack of an execution', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  it('is one of its own, that nothing else has and no timer feels', () => {
    const ids = Array.from({ length: 200 }, newExecutionId);
    const values = ids.map(timerSlackFor);
    expect(values.filter((value) => value > 50_000 && value <= 200_000)).to.have.length(200);
    expect(new Set(values).size).to.be.above(190);
    expect(ids.map(timerSlackFor)).to.deep.equal(values);
  });

  it('marks what is started, and all that it starts, whatever it sheds', async () => {
    const id = newExecutionId();
    const script = '(setsid env -i sleep 1071 &); sleep 1072; :';
    const { pid } = withTimerSlack(id, () => children.start('/bin/sh', ['-c', script]));
    const find = (args: string) =>
      waitFor(() => allProcesses().find(({ pid: each }) => processInfo(each)?.args === args)?.pid, { what: args });
    const orphan = await find('sleep 1071');
    try {
      const marked = [pid, await find('sleep 1072'), orphan].map(timerSlackOf);
      expect(marked).to.deep.equal(marked.map(() => timerSlackFor(id)));
      expect(readProcess(orphan)?.session).to.equal(orphan);
    } finally {
      process.kill(orphan, 'SIGKILL');
    }
  });

  it('is ours for that moment only, also when the start fails', () => {
    const own = timerSlackOf(process.pid);
    const id = newExecutionId();
    expect(withTimerSlack(id, () => timerSlackOf(process.pid))).to.equal(timerSlackFor(id));
    expect(timerSlackOf(process.pid)).to.equal(own);
    expect(() =>
      withTimerSlack(id, () => {
        throw new Error('cannot start');
      }),
    ).to.throw('cannot start');
    expect(timerSlackOf(process.pid)).to.equal(own);
  });

  it('is that of nobody once the process is gone', () => {
    expect(timerSlackOf(4_194_305)).to.equal(undefined);
  });
});
