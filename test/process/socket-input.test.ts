import { expect } from 'chai';

import { moduleProgram } from '../cli/module.ts';
import { runWithSocket } from '../support/odd-streams.ts';
import { isRunning } from '../support/proc.ts';
import { waitFor } from '../support/wait-for.ts';

const READ = `
  const stream = module.socketInput(0);
  const { readFileSync } = await import('node:fs');
  const reader = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim();`;

describe('input from a socket', () => {
  it('is read to its end', async () => {
    const program = moduleProgram('process/socket-input.ts', `${READ} stream.pipe(process.stdout);`);
    const input = Buffer.alloc(1_000_000, 'x');
    const { stdout, stderr } = await runWithSocket(0, ['sh', '-c', '"$@" | cat', 'sh', ...program], { input });
    expect([stdout.length, stderr]).to.deep.equal([input.length, '']);
  });

  it('that cannot be read is an error, and no end', async () => {
    const code = `
      ${READ}
      stream.on('end', () => console.log('end')).on('error', ({ message }) => console.log(message)).resume();`;
    const program = moduleProgram('process/socket-input.ts', code);
    const { stdout } = await runWithSocket(1, ['sh', '-c', 'exec "$@" </ | cat', 'sh', ...program]);
    expect(stdout).to.contain('Is a directory').and.not.to.contain('end\n');
  });

  it('leaves no reader behind, however we end', async () => {
    for (const end of ['process.exit()', "process.kill(process.pid, 'SIGKILL')", 'stream.destroy()']) {
      const code = `
        ${READ}
        stream.once('data', () => {
          console.log(reader());
          ${end};
        });`;
      const program = moduleProgram('process/socket-input.ts', code);
      const options = { input: 'x', env: { ...process.env, KEEP_OPEN: '1' } };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { stdout } = await runWithSocket(0, program, options);
      expect(stdout).to.match(/^\d+\n$/);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await waitFor(() => !isRunning(Number(stdout)), { what: `the reader to end after ${end}` });
    }
  });
});
