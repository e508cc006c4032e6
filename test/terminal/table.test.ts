import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

import { expect } from 'chai';

import { renderTable } from '../../src/terminal/table.ts';
import type { Column, TableOptions } from '../../src/terminal/table.ts';

interface Row {
  name: string;
  size?: string;
  what?: string;
}

const NAME: Column<Row> = { header: 'NAME', value: ({ name }) => name, flexible: true };
const SIZE: Column<Row> = { header: 'SIZE', value: ({ size }) => size ?? '', align: 'right' };
const WHAT: Column<Row> = { header: 'WHAT', value: ({ what }) => what ?? '', flexible: true };

const PLAIN: TableOptions = { width: undefined, color: false, truncate: false };
const at = (width: number): TableOptions => ({ width, color: false, truncate: true });

function lines<R>(columns: readonly Column<R>[], rows: readonly R[], options: TableOptions = PLAIN): string[] {
  const text = renderTable(columns, rows, options);
  expect(text.endsWith('\n')).to.equal(true);
  return text.slice(0, -1).split('\n');
}

describe('a table', () => {
  it('looks like that of docker ps: headers, no borders, three spaces, numbers to the right', () => {
    const rows = [
      { name: 'web', size: '9', what: 'first' },
      { name: 'database', size: '1000', what: 'second one' },
    ];
    expect(lines([NAME, SIZE, WHAT], rows)).to.deep.equal([
      'NAME       SIZE   WHAT',
      'web           9   first',
      'database   1000   second one',
    ]);
  });

  it('has only headers where there are no rows, and no spaces at the end of a line', () => {
    expect(lines([NAME, SIZE], [])).to.deep.equal(['NAME   SIZE']);
    expect(lines([NAME, WHAT], [{ name: 'x' }])).to.deep.equal(['NAME   WHAT', 'x']);
  });

  it('aligns what follows wide, combining and composed characters', () => {
    // Their width on a terminal, in columns (UAX 11 and wcwidth).
    const WIDTHS: Record<string, number> = {
      plain: 5,
      容器: 4,
      ｗｉｄｅ: 8,
      한국어: 6,
      '\u1112\u1161\u11ab': 2,
      '👍👍': 4,
      '🫠': 2,
      '🇩🇪': 2,
      'e\u0301e\u0301': 2,
      '\u0e01\u0e34\u0e01': 2,
      '\u05e9\u05b8\u05c1': 1,
      '①': 1,
      '❤': 1,
      '\u{20000}': 2,
    };
    const widest = Math.max(...Object.values(WIDTHS));
    const [, ...drawn] = lines(
      [NAME, WHAT],
      Object.keys(WIDTHS).map((name) => ({ name, what: '|' })),
    );
    const expected = Object.entries(WIDTHS).map(([name, width]) => `${name}${' '.repeat(widest - width + 3)}|`);
    expect(drawn).to.deep.equal(expected);
  });

  it('lets no cell draw on the terminal or break its line', () => {
    const rows = [{ name: 'a\nb', what: '\u001b[31mred\u001b[0m\u009b2J\u202egnp.exe' }];
    expect(lines([NAME, WHAT], rows)).to.deep.equal([
      'NAME       WHAT',
      'a\\u000ab   \\u001b[31mred\\u001b[0m\\u009b2J\\u202egnp.exe',
    ]);
  });

  it('cuts the widest flexible column to the width of the terminal', () => {
    const rows = [{ name: 'abcdef', size: '12345678', what: 'x'.repeat(50) }];
    expect(lines([NAME, SIZE, WHAT], rows, at(30))).to.deep.equal([
      'NAME         SIZE   WHAT',
      `abcdef   12345678   ${'x'.repeat(9)}…`,
    ]);
    expect(lines([NAME, SIZE, WHAT], rows, at(22))[1]).to.equal('abc…   12345678   xxx…');
  });

  it('cuts nothing that fits, nothing below its header, and no other column', () => {
    const rows = [{ name: 'abcdef', size: '12345678', what: 'x'.repeat(10) }];
    expect(lines([NAME, SIZE, WHAT], rows, at(30))[1]).to.equal('abcdef   12345678   xxxxxxxxxx');
    expect(lines([NAME, SIZE, WHAT], rows, at(1))[1]).to.equal('abc…   12345678   xxx…');
  });

  it('never cuts a character in two, nor lets a wide one stand out', () => {
    const rows = [{ name: 'x', what: '容器容器容器' }];
    expect(lines([NAME, WHAT], rows, at(15))[1]).to.equal('x      容器容…');
    expect(lines([NAME, WHAT], rows, at(14))[1]).to.equal('x      容器容…');
    expect(lines([NAME, WHAT], rows, at(13))[1]).to.equal('x      容器…');
    const marks = [{ name: 'x', what: 'e\u0301'.repeat(20) }];
    expect(lines([NAME, WHAT], marks, at(14))[1]).to.equal(`x      ${'e\u0301'.repeat(6)}…`);
    const pairs = [{ name: 'x', what: 'a' + '👍'.repeat(1000) }];
    expect(lines([NAME, WHAT], pairs, at(14))[1]).to.equal('x      a👍👍…');
  });

  it('cuts nothing without a width, or when it is not asked to', () => {
    const rows = [{ name: 'x'.repeat(300), what: 'y' }];
    for (const options of [PLAIN, { ...at(80), width: undefined }, at(0), { ...at(80), truncate: false }])
      expect(lines([NAME, WHAT], rows, options)[1]).to.equal(`${'x'.repeat(300)}   y`);
  });

  it('draws long texts of a container in no time', () => {
    const rows = Array.from({ length: 500 }, () => ({ name: 'x', what: 'é'.repeat(32_768) }));
    for (const options of [PLAIN, at(200)]) {
      const begin = performance.now();
      lines([NAME, WHAT], rows, options);
      expect(performance.now() - begin).to.be.lessThan(20_000);
    }
  });

  it('colors cells, not their padding, and only when asked to', () => {
    const colored: Column<Row> = { ...NAME, color: ({ name }) => (name === 'up' ? 'green' : undefined) };
    const rows = [
      { name: 'up', what: 'x' },
      { name: 'down', what: 'y' },
    ];
    expect(lines([colored, WHAT], rows, { ...PLAIN, color: true })).to.deep.equal([
      'NAME   WHAT',
      '\u001b[32mup\u001b[39m     x',
      'down   y',
    ]);
    expect(lines([colored, WHAT], rows)[1]).to.equal('up     x');
  });
});

describe('the options of a table', () => {
  /** What is chosen where standard output is a pipe, or (with script(1)) a terminal. */
  function chosen(env: NodeJS.ProcessEnv, terminal: boolean, columns = 80): TableOptions {
    const module = resolve(import.meta.dirname, '../../src/terminal/table.ts');
    const code = `import(${JSON.stringify(module)}).then((m) => process.stdout.write(JSON.stringify(m.tableOptions(process.stdout))))`;
    const words = [process.execPath, '-e', code];
    const [file, ...args] = terminal
      ? ['script', '-qec', `stty cols ${columns}; ${words.map((word) => `'${word}'`).join(' ')}`, '/dev/null']
      : words;
    const { stdout, stderr } = spawnSync(file ?? '', args, {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    });
    expect(stdout, stderr).to.match(/\{.*\}/);
    return JSON.parse(/\{.*\}/.exec(stdout)?.[0] ?? '') as TableOptions;
  }

  const CASES: { env: NodeJS.ProcessEnv; terminal: boolean; color: boolean }[] = [
    { env: { TERM: 'xterm' }, terminal: true, color: true },
    { env: { TERM: 'dumb' }, terminal: true, color: false },
    { env: { TERM: 'xterm', NO_COLOR: '1' }, terminal: true, color: false },
    { env: { TERM: 'xterm', NO_COLOR: '' }, terminal: true, color: true },
    { env: { TERM: 'xterm' }, terminal: false, color: false },
    { env: { TERM: 'xterm', FORCE_COLOR: '1' }, terminal: false, color: true },
    { env: { TERM: 'xterm', FORCE_COLOR: '0' }, terminal: true, color: false },
    { env: { TERM: 'xterm', FORCE_COLOR: '1', NO_COLOR: '1' }, terminal: false, color: true },
    { env: { TERM: 'xterm', FORCE_COLOR: '', NODE_DISABLE_COLORS: '1' }, terminal: false, color: true },
  ];
  for (const { env, terminal, color } of CASES) {
    it(`${color ? 'color' : 'do not color'} with ${JSON.stringify(env)} ${terminal ? 'at a terminal' : 'in a pipe'}`, () => {
      const options = chosen(env, terminal);
      expect(options.color).to.equal(color);
      expect(options.truncate).to.equal(terminal);
      expect(options.width).to.equal(terminal ? 80 : undefined);
    });
  }

  it('know no width of a terminal that has none', () => {
    expect(chosen({ TERM: 'xterm' }, true, 0))
      .to.deep.include({ truncate: true })
      .and.not.to.have.property('width');
  });
});
