import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import type { Container } from '../../../src/model/container.ts';
import type { RemoteControl } from '../../../src/model/remote.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import {
  changeOf,
  isStopped,
  lifecycleOf,
  limited,
  refuseLocked,
  refuseUnreachable,
  untilStatus,
} from '../../../src/oci/lifecycle/lifecycle.ts';

const GONE: Container = { id: 'web', name: 'web', platform: 'lxc', lxc: { name: 'web', lxcpath: '/nonexistent' } };
const NOWHERE = new NodeConfig('/nonexistent');
const never = (): boolean => false;

async function failureOf(action: Promise<unknown>): Promise<unknown> {
  return action.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
}

describe('waiting for a container', () => {
  it('looks at it at least once, and no longer than it is told to', async () => {
    expect((await untilStatus(GONE, isStopped, 0)).status).to.equal('stopped');
    expect((await untilStatus(GONE, isStopped, -1)).status).to.equal('stopped');
    const begin = performance.now();
    expect((await untilStatus(GONE, never, 120)).status).to.equal('stopped');
    expect(performance.now() - begin).to.be.within(115, 20_000);
  });

  it('ends at once when it is aborted, with the reason', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const begin = performance.now();
    const waiting = failureOf(untilStatus(GONE, never, 60_000, abort.signal));
    setImmediate(() => abort.abort(reason));
    expect(await waiting).to.equal(reason);
    expect(performance.now() - begin).to.be.below(20_000);
    expect(await failureOf(untilStatus(GONE, isStopped, 0, AbortSignal.abort(reason)))).to.equal(reason);
  });
});

describe('a step with a limit', () => {
  const untilAborted = (abort: AbortSignal): Promise<never> =>
    sleep(60_000, undefined, { signal: abort }).then(
      () => expect.fail('it ended'),
      () => Promise.reject(abort.reason as Error),
    );

  it('has its own result', async () => {
    expect(await limited(() => Promise.resolve({ failure: 'said' }), 1000, undefined)).to.deep.equal({
      failure: 'said',
    });
    const error = new Error('its own');
    expect(await failureOf(limited(() => Promise.reject(error), 1000, undefined))).to.equal(error);
  });

  it('has none when the time is over', async () => {
    expect(await limited(untilAborted, 20, undefined)).to.deep.equal({});
    expect(await limited(untilAborted, -5, undefined)).to.deep.equal({});
  });

  it('has the reason of who aborted it', async () => {
    const reason = new Error('enough');
    const abort = new AbortController();
    const step = failureOf(limited(untilAborted, 60_000, abort.signal));
    abort.abort(reason);
    expect(await step).to.equal(reason);
  });
});

describe('a change of a container', () => {
  it('is refused for one that is locked, or cannot be asked', () => {
    expect(() => refuseLocked({ ...GONE, lock: 'backup' })).to.throw('container web is locked (backup)');
    refuseLocked(GONE);
    expect(() => refuseUnreachable({ container: GONE, status: 'unreachable', initPid: undefined })).to.throw(
      'another network namespace',
    );
    refuseUnreachable({ container: GONE, status: 'stopped', initPid: undefined });
  });

  it('is told with the part of the container that results show', () => {
    expect(changeOf({ container: GONE, status: 'stopped', initPid: undefined }, false)).to.deep.equal({
      container: { id: 'web', name: 'web', platform: 'lxc' },
      status: 'stopped',
      pid: null,
      changed: false,
    });
  });

  it("is by the platform's own means", () => {
    const control = {} as RemoteControl;
    expect(lifecycleOf({ id: '101', name: '101', platform: 'proxmox', control }, NOWHERE)).to.equal(control);
    expect(() => lifecycleOf({ id: 'x', name: 'x', platform: 'docker' }, NOWHERE)).to.throw(
      'not a container of this host',
    );
  });
});
