import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { expect } from 'chai';

import { bundledLicences, copyrightFile } from '../../../scripts/package/licences.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

describe('the file of licences', () => {
  const file = copyrightFile(ROOT, join(ROOT, `node_modules/node-linux-${process.arch}`));

  function holdersOf(name: string, files = '*'): string | undefined {
    return file.split(`\nFiles: node_modules/${name}/${files}\nCopyright: `)[1]?.split('\nLicense: ')[0];
  }

  it('names the holders as the licences do, also where there is no year', () => {
    expect(holdersOf('brace-expansion')).to.match(
      /^Copyright Julian Gruber <.+>\n {2}TypeScript port Copyright Isaac Z. Schlueter <.+>$/,
    );
    expect(holdersOf('balanced-match')).to.match(/Julian Gruber .*\n.*Isaac Z. Schlueter/);
    expect(holdersOf('ws')?.split('\n')).to.have.length(3);
  });

  it('names all that is bundled, also what only the build needs installed', () => {
    const bundled = JSON.parse(readFileSync(join(ROOT, 'dist/bundled.json'), 'utf8')) as string[];
    expect(bundled).to.include.members(['node_modules/ws', 'node_modules/@bufbuild/protobuf']);
    const texts = bundledLicences(ROOT);
    for (const place of bundled) {
      expect(file).to.include(`\nFiles: ${place}/*\n`);
      expect(texts).to.include(`${place}/* (`);
    }
  });

  it('names the parts of a package that has no file of its licence', () => {
    expect(holdersOf('@bufbuild/protobuf')).to.match(/^Copyright [-\d]+ Buf Technologies, Inc\.$/);
    expect(holdersOf('@bufbuild/protobuf', 'dist/*/wire/varint.js')).to.match(/^Copyright 2008 Google Inc\./);
    expect(file).to.include('Neither the name of Google Inc.');
  });

  it('takes no sentence of a licence for a holder', () => {
    const holders = [...file.matchAll(/^Copyright: ((?:.*\n {2})*.*)$/gm)].flatMap(([, names = '']) =>
      names.split('\n'),
    );
    expect(holders.filter((line) => /notice|permission|liable|owner/i.test(line))).to.deep.equal([]);
  });
});
