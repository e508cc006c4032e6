import { spawn } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';

import { expect } from 'chai';

import { SCRIPT, environmentLine, launchWords } from '../../../src/methods/agent/words.ts';
import type { GuestLaunch } from '../../../src/methods/agent/words.ts';
import { findExecutable } from '../../../src/process/executable.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const ID = 'e5b0a1c2-0000-4000-8000-000000000001';
const SHELLS = ['dash', 'bash', 'busybox'];
const ALL_BYTES = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));

/** As the agent runs it, in a shell of this host instead of the guest's. */
async function run(shell: string, launch: Partial<GuestLaunch>, input?: Buffer) {
  const whole = { id: ID, words: [], script: '', hasEnvironment: false, isCommand: false, ...launch };
  const words = launchWords(whole).map((word) => word.replaceAll('/bin/sh', shell));
  const [file = '', ...args] = words;
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { OF_THE_AGENT: '1' } });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const exitCode = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  return { exitCode: await exitCode, stdout, stderr: stderr.toString() };
}

describe('the words for a guest agent', () => {
  it('are never empty, and plain ASCII', () => {
    const words = launchWords({
      id: ID,
      words: ['', 'ä€', ALL_BYTES, 'x'.repeat(300_000), SCRIPT],
      script: 'true',
      hasEnvironment: true,
      isCommand: true,
    });
    // oxlint-disable-next-line no-control-regex -- what is not ASCII is looked for
    for (const word of words) expect(word).to.match(/^[\u0001-\u007f]+$/);
    expect(Math.max(...words.map(({ length }) => length))).to.be.below(128 * 1024);
  });

  for (const name of SHELLS) {
    describe(`in ${name}`, () => {
      let shell = '';

      before(() => {
        // It is what it is called.
        shell = join(scratchDirectory(), 'sh');
        symlinkSync(findExecutable(name) ?? name, shell);
      });

      const printf: GuestLaunch['words'] = ['/bin/sh', '-c', SCRIPT, 'sh'];
      const script = `printf '<%s>' "$@"`;

      it('arrive as they are', async () => {
        const given = ['', 'a b', '\nl', 'n\n', '*', '$HOME', "it's", '\\', '~101', '%s', '-n', '', 'ä€\u{1f600}'];
        const { stdout, stderr } = await run(shell, { words: [...printf, ...given, ALL_BYTES, ''], script });
        const wanted = Buffer.concat(
          [...given, ALL_BYTES, ''].flatMap((word) => ['<', word, '>'].map((each) => Buffer.from(each))),
        );
        expect(stdout.toString('latin1')).to.equal(wanted.toString('latin1'));
        expect(stderr).to.equal(`${ID} `);
      });

      it('bring the environment on standard input, and leave the rest of that to the command', async () => {
        const variables = new Map([
          ['A', "it's\n$HOME `id` \\ ~101 %s"],
          ['B', 'ä€\u0001\u007f'],
          ['C', ''],
        ]);
        const input = Buffer.concat([environmentLine(variables), ALL_BYTES]);
        const { stdout } = await run(
          shell,
          { words: printf, script: `printf '<%s>' "$A" "$B" "$C"; cat`, hasEnvironment: true },
          input,
        );
        const wanted = [...variables.values()].map((value) => `<${value}>`).join('');
        expect(stdout.toString('latin1')).to.equal(
          Buffer.from(wanted).toString('latin1') + ALL_BYTES.toString('latin1'),
        );
      });

      it('do nothing when the environment did not come whole', async () => {
        const line = environmentLine(new Map([['A', 'value']]));
        const { exitCode, stdout } = await run(
          shell,
          { words: printf, script: 'echo ran', hasEnvironment: true },
          line.subarray(0, 20),
        );
        expect(exitCode).to.be.oneOf([2, 125]);
        expect(stdout.toString()).to.equal('');
      });

      it('leave nothing of the environment of the agent', async () => {
        const { stdout } = await run(shell, { words: ['env'] });
        expect(stdout.toString()).not.to.include('OF_THE_AGENT');
      });

      it('pass output on that is held only while it is read', async () => {
        const { exitCode, stdout, stderr } = await run(shell, {
          words: [...printf, 'a'],
          script: `${script}; printf err >&2; exit 7`,
          isCommand: true,
        });
        expect([exitCode, stdout.toString(), stderr]).to.deep.equal([7, '<a>', `${ID} err`]);
      });
    });
  }
});
