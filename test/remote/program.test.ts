/** What our program on a node rests on. */
import { expect } from 'chai';

import { PROGRAM } from '../../src/remote/program.ts';
import { must, run } from '../support/run.ts';

describe('the program for a node', () => {
  it('needs no module beyond those of perl-base, which every Debian has', async () => {
    const modules = [...PROGRAM.matchAll(/^use (\w+)/gm)].map(([, name]) => name);
    expect(modules).to.include('POSIX');
    const { stdout } = await must(['dpkg', '-L', 'perl-base']);
    for (const module of modules) expect(stdout, module).to.match(new RegExp(`/${module}\\.pm$`, 'm'));
  });

  it('is understood by perl without a warning', async () => {
    const settings = 'our ($NONCE, $SEAL, $WINDOW, $SILENCE, $TAG, $SLACK_FLOOR, $SLACK_VALUES);';
    const { exitCode, stderr } = await run(['perl', '-wc', '-'], { input: `${settings}\n${PROGRAM}` });
    expect([exitCode, stderr]).to.deep.equal([0, '- syntax OK\n']);
  });
});
