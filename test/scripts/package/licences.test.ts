import { join, resolve } from 'node:path';

import { expect } from 'chai';

import { copyrightFile } from '../../../scripts/package/licences.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('the file of licences', () => {
  const file = copyrightFile(ROOT, join(ROOT, `node_modules/node-linux-${process.arch}`));

  function holdersOf(name: string): string | undefined {
    return file.split(`\nFiles: node_modules/${name}/*\nCopyright: `)[1]?.split('\nLicense: ')[0];
  }

  it('names the holders as the licences do, also where there is no year', () => {
    expect(holdersOf('brace-expansion')).to.match(
      /^Copyright Julian Gruber <.+>\n {2}TypeScript port Copyright Isaac Z. Schlueter <.+>$/,
    );
    expect(holdersOf('balanced-match')).to.match(/Julian Gruber .*\n.*Isaac Z. Schlueter/);
    expect(holdersOf('ws')?.split('\n')).to.have.length(3);
  });

  it('takes no sentence of a licence for a holder', () => {
    const holders = [...file.matchAll(/^Copyright: ((?:.*\n {2})*.*)$/gm)].flatMap(([, names = '']) =>
      names.split('\n'),
    );
    expect(holders.filter((line) => /notice|permission|liable|owner/i.test(line))).to.deep.equal([]);
  });
});
