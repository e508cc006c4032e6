import { expect } from 'chai';

import { manuals } from '../../../scripts/package/manuals.ts';
import { run } from '../../support/run.ts';

const PROGRAM = { name: 'prog', description: 'Does it', date: '2026-01-02' };

function pagesOf(verb: object): Map<string, string> {
  const complete = { id: 'do', summary: 'Do it.', args: {}, flags: {}, ...verb };
  return manuals({ version: '1.2.3', commands: { [complete.id]: complete } }, PROGRAM);
}

async function shown(page: string | undefined): Promise<string> {
  const done = await run(['mandoc', '-T', 'utf8', '-O', 'width=200'], { input: page ?? '' });
  // Bold and underlined characters are struck twice.
  const parts = done.stdout.split('\b');
  return parts.map((part, index) => (index === parts.length - 1 ? part : part.slice(0, -1))).join('');
}

describe('the manual pages', () => {
  it('are one for the program and one for each verb', () => {
    expect([...pagesOf({ id: 'a:b' }).keys()]).to.deep.equal(['prog.1', 'prog-a-b.1']);
    expect([...pagesOf({ hidden: true }).keys()]).to.deep.equal(['prog.1']);
    expect(pagesOf({}).get('prog.1')).to.include('.TH PROG 1 2026-01-02');
  });

  it('hyphenate nothing', () => {
    expect(pagesOf({}).get('prog-do.1')).to.match(/^\.TH .*\n\.nh\n/);
  });

  it('say every flag with its short form, its other names, and its value', async () => {
    const text = await shown(
      pagesOf({
        flags: {
          env: { name: 'env', char: 'e', type: 'option', helpValue: 'KEY=VALUE', multiple: true, summary: 'set it' },
          workdir: { name: 'workdir', aliases: ['cwd'], type: 'option', helpValue: 'DIR', summary: 'go there' },
          bare: { name: 'bare', type: 'boolean', allowNo: true, summary: 'bare or not' },
          secret: { name: 'secret', type: 'boolean', hidden: true },
        },
      }).get('prog-do.1'),
    );
    expect(text)
      .to.include('-e, --env=KEY=VALUE ...')
      .and.include('--workdir=DIR, --cwd=DIR')
      .and.include('--bare, --no-bare');
    expect(text).not.to.include('secret');
  });

  it('show what looks like roff as it is', async () => {
    const text = await shown(
      pagesOf({
        description: `.TP of a\n'quoted' \\n "word" \`id\` ~ ^ a--b\n\nEXIT CODES\nnone`,
        examples: [{ description: 'One', command: `<%= config.bin %> do -- sh -c 'echo "\\$1"'\n.second` }],
      }).get('prog-do.1'),
    );
    expect(text).to.include(`.TP of a 'quoted' \\n "word" \`id\` ~ ^ a--b`);
    expect(text).to.match(/^EXIT CODES\n +none$/m);
    expect(text).to.match(/^ +prog do -- sh -c 'echo "\\\$1"'\n +\.second$/m);
  });
});
