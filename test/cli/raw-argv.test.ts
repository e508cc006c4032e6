import { expect } from 'chai';

import { exactWords } from '../../src/cli/raw-argv.ts';
import { run } from '../support/run.ts';

/** Calls Node with words given in `printf` escapes, and has it print the exact ones in hexadecimal. */
async function wordsOf(...escaped: string[]): Promise<string[]> {
  const url = new URL('../../src/cli/raw-argv.ts', import.meta.url).href;
  const code = `
    const { exactWords } = await import('${url}');
    const words = exactWords(process.argv.slice(1));
    console.log(JSON.stringify(words.map((word) => (typeof word === 'string' ? 'text:' + word : Buffer.from(word).toString('hex')))));`;
  const words = escaped.map((word) => `"$(printf '${word}')"`).join(' ');
  const { stdout, stderr } = await run(
    ['/bin/sh', '-c', `exec "$0" --input-type=module -e "$1" -- ${words}`, process.execPath, code],
    { env: { ...process.env, LC_ALL: 'C' } },
  );
  expect(stderr).to.equal('');
  return JSON.parse(stdout) as string[];
}

describe('the exact words of this process', () => {
  it('are bytes where they are not UTF-8, and text where they are', async () => {
    expect(await wordsOf('a', '\\377\\376', 'b\\303', '\\303\\251', '', 'end')).to.deep.equal([
      'text:a',
      'fffe',
      '62c3',
      'text:é',
      'text:',
      'text:end',
    ]);
  });

  it('are text where the replacement character itself was typed', async () => {
    expect(await wordsOf('\\357\\277\\275', 'x')).to.deep.equal(['text:\uFFFD', 'text:x']);
  });

  it('keep newlines and empty words at the end', async () => {
    expect(await wordsOf('\\377', 'a\\nb', '')).to.deep.equal(['ff', 'text:a\nb', 'text:']);
  });

  it('are those given, where none can have been altered', () => {
    expect(exactWords(['web', 'é', ''])).to.deep.equal(['web', 'é', '']);
  });
});
