import { basename, dirname } from 'node:path';

import { expect } from 'chai';

import { cgroupsNamed } from '../cgroups.ts';
import { isRunning } from '../proc.ts';
import { needsDocker, startEngine } from './engine.ts';
import { removeEngine } from './remove.ts';

describe('an engine of the tests that nobody can ask any more', () => {
  it('is taken away with its containers and their cgroups', async function () {
    needsDocker(this);
    const engine = await startEngine();
    try {
      const container = await engine.run();
      const pid = await container.initPid();
      const directory = dirname(engine.socket);
      expect(cgroupsNamed(basename(directory))).not.to.deep.equal([]);
      removeEngine(directory);
      expect(isRunning(pid)).to.equal(false);
      expect(cgroupsNamed(basename(directory))).to.deep.equal([]);
    } finally {
      await engine.stop();
    }
  });
});
