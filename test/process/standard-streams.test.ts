import { expect } from 'chai';

import { standardOutput } from '../../src/process/standard-streams.ts';
import { moduleProgram } from '../cli/module.ts';
import { runWithSocket } from '../support/odd-streams.ts';

describe("this process's standard streams", () => {
  it("are Node's own where it knows them, and what a program has put in their place", async () => {
    expect(standardOutput(1)).to.equal(process.stdout);
    expect(standardOutput(2)).to.equal(process.stderr);
    const code = `
      const { Writable } = await import('node:stream');
      const value = new Writable({ write: (chunk, encoding, done) => done() });
      Object.defineProperty(process, 'stdout', { value });
      process.exitCode = module.standardOutput(1) === value ? 0 : 1;`;
    const { exitCode, stderr } = await runWithSocket(1, moduleProgram('process/standard-streams.ts', code));
    expect([exitCode, stderr]).to.deep.equal([0, '']);
  });

  it('are the same ones at each call', async () => {
    const code = `
      const { standardInput, standardOutput } = module;
      process.exitCode = standardOutput(1) === standardOutput(1) && standardInput() === standardInput() ? 0 : 1;`;
    const program = moduleProgram('process/standard-streams.ts', code);
    for (const fd of [0, 1] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await runWithSocket(fd, program, { input: '' })).exitCode).to.equal(0);
    }
  });

  it('are mended for foreign code, which writes to process.stdout', async () => {
    const code = `
      process.stdout.write('lost, ');
      module.mendProcessStdout();
      process.stdout.write('found');`;
    const { stdout } = await runWithSocket(1, moduleProgram('process/standard-streams.ts', code));
    expect(stdout).to.equal('found');
  });

  it('fail, and are not empty, where the input is a directory', async () => {
    const code = `module.standardInput().on('error', ({ code }) => console.log(code)).resume();`;
    const [file, ...words] = moduleProgram('process/standard-streams.ts', code);
    const { stdout } = await runWithSocket(1, ['sh', '-c', 'exec "$@" </ | cat', 'sh', file, ...words]);
    expect(stdout).to.equal('EISDIR\n');
  });
});
