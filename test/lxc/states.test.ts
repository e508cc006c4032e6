import { expect } from 'chai';

import type { LxcHandle } from '../../src/model/container.ts';
import { lxcState } from '../../src/lxc/state.ts';
import { lxcStates } from '../../src/lxc/states.ts';
import { createContainer, scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { must } from '../support/run.ts';

describe('the states of many containers', () => {
  const made: Container[] = [];
  let handles: LxcHandle[];

  before(async () => {
    const lxcpath = scratchDirectory();
    const long = `${scratchDirectory()}/${'x'.repeat(80)}`;
    await must(['mkdir', long]);
    made.push(
      await startContainer({ kind: 'busybox', lxcpath }),
      await createContainer({ kind: 'busybox', lxcpath }),
      await startContainer({ kind: 'busybox', lxcpath }),
      await startContainer({ kind: 'busybox', lxcpath: long }),
      await createContainer({ kind: 'busybox', lxcpath }),
    );
    await made[2]?.freeze();
    const elsewhere = made[4] as Container;
    await must(['unshare', '-n', 'lxc-start', '-n', elsewhere.name, '-P', elsewhere.lxcpath]);
    handles = made.map(({ name, lxcpath: path }) => ({ name, lxcpath: path }));
  });

  after(async () => {
    for (const container of made) await container.destroy();
  });

  it('are those of each, in the order given', async () => {
    const states = await lxcStates(handles);
    expect(states.map(({ state }) => state)).to.deep.equal(['RUNNING', 'STOPPED', 'FROZEN', 'RUNNING', 'UNREACHABLE']);
    expect(states).to.deep.equal(await Promise.all(handles.map((handle) => lxcState(handle))));
    expect((await lxcStates(handles.toReversed())).toReversed()).to.deep.equal(states);
  });

  it('are none for none', async () => {
    expect(await lxcStates([])).to.deep.equal([]);
  });

  it('are told although there are more of them than may be asked at once', async () => {
    const [running] = handles;
    if (running === undefined) throw new Error('no container');
    const states = await lxcStates(Array.from({ length: 700 }, () => running));
    expect(new Set(states.map(({ state }) => state))).to.deep.equal(new Set(['RUNNING']));
  });
});
