import { mkdirSync } from 'node:fs';

import { expect } from 'chai';

import { lxcState } from '../../src/lxc/state.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { must } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

async function stateOf({ name, lxcpath }: Container) {
  return lxcState({ name, lxcpath });
}

/** The state as a process in another network namespace sees it. */
async function stateFromElsewhere({ name, lxcpath }: Container): Promise<unknown> {
  const url = new URL('../../src/lxc/state.ts', import.meta.url).href;
  const code = `
    const { lxcState } = await import('${url}');
    console.log(JSON.stringify(await lxcState(${JSON.stringify({ name, lxcpath })})));`;
  const { stdout } = await must(['unshare', '-n', process.execPath, '--input-type=module', '-e', code]);
  return JSON.parse(stdout) as unknown;
}

for (const long of [false, true]) {
  describe(`the state of a container${long ? ' whose monitor has a hashed name' : ''}`, () => {
    let container: Container;

    before(async () => {
      const lxcpath = `${scratchDirectory()}/${long ? 'x'.repeat(80) : 'lxc'}`;
      mkdirSync(lxcpath);
      container = await startContainer({ kind: 'busybox', lxcpath });
    });

    after(() => container.destroy());

    it('is that it runs, with its init', async () => {
      expect(await stateOf(container)).to.deep.equal({ state: 'RUNNING', initPid: await container.initPid() });
    });

    it('is that it is frozen', async () => {
      const initPid = await container.initPid();
      await container.freeze();
      try {
        expect(await stateOf(container)).to.deep.equal({ state: 'FROZEN', initPid });
      } finally {
        await container.unfreeze();
      }
      expect(await stateOf(container)).to.deep.equal({ state: 'RUNNING', initPid });
    });

    it('is never that it is stopped while it runs in another network namespace', async () => {
      expect(await stateFromElsewhere(container)).to.deep.equal({ state: 'UNREACHABLE' });
    });

    it('is that it is stopped', async () => {
      await container.stop();
      expect(await stateOf(container)).to.deep.equal({ state: 'STOPPED', initPid: undefined });
      expect(await stateFromElsewhere(container)).to.deep.equal({ state: 'STOPPED' });
    });
  });
}

describe('the state of a container that does not exist', () => {
  it('is that it is stopped', async () => {
    expect(await lxcState({ name: 'nosuch', lxcpath: scratchDirectory() })).to.deep.equal({
      state: 'STOPPED',
      initPid: undefined,
    });
  });
});
