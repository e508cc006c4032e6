import { expect } from 'chai';

import { EXEC_FLAGS } from '../../src/cli/flags.ts';
import { namesSeveral, parseExecWords } from '../../src/cli/parse-exec.ts';
import { UnknownFlagError } from '../../src/cli/parse-words.ts';
import { LxcriError } from '../../src/model/errors.ts';
import type { Word } from '../../src/model/request.ts';

interface Split {
  container?: string;
  command?: Word[];
  flags?: Record<string, string[]>;
}

function split(words: readonly Word[]): Required<Omit<Split, 'container'>> & Split {
  const { container, command, flags } = parseExecWords(words);
  return {
    ...(container === undefined ? {} : { container }),
    command: [...command],
    flags: Object.fromEntries([...flags].map(([name, values]) => [name, [...values]])),
  };
}

function errorOf(words: readonly Word[]): LxcriError {
  try {
    parseExecWords(words);
  } catch (error) {
    if (error instanceof LxcriError) return error;
    throw error;
  }
  throw new Error(`${words.join(' ')} was accepted`);
}

const BYTES = Buffer.from([0x2d, 0xff]);

describe('the words of exec', () => {
  const CASES: [string, readonly Word[], Split][] = [
    ['nothing at all', [], {}],
    ['a container and a command', ['web', 'ls', '-la'], { container: 'web', command: ['ls', '-la'] }],
    ['"--" before the command', ['web', '--', 'ls'], { container: 'web', command: ['ls'] }],
    ['only the first "--" is ours', ['web', '--', '--', 'x', '--'], { container: 'web', command: ['--', 'x', '--'] }],
    [
      '"--" inside the command',
      ['web', 'echo', '--', 'x', '--', 'y'],
      { container: 'web', command: ['echo', '--', 'x', '--', 'y'] },
    ],
    [
      'our own flags in the command',
      ['web', 'env', '-i', '-u', 'A', '--json', '-h'],
      { container: 'web', command: ['env', '-i', '-u', 'A', '--json', '-h'] },
    ],
    [
      'a flag as the command after "--"',
      ['web', '--', '-x', '--json'],
      { container: 'web', command: ['-x', '--json'] },
    ],
    [
      'pods instead of a container, by all their names',
      [
        '-n',
        'shop',
        '--task',
        'a',
        '--tasks=b',
        '--cts',
        'x',
        '--containers',
        'y',
        '--container',
        'z',
        '--',
        'ls',
        '-l',
      ],
      {
        command: ['ls', '-l'],
        flags: { namespace: ['shop'], task: ['a', 'b'], container: ['x', 'y', 'z'] },
      },
    ],
    [
      'flags before and after the container',
      ['-t', 'web', '-w', '/tmp', 'ls'],
      { container: 'web', command: ['ls'], flags: { tty: [''], workdir: ['/tmp'] } },
    ],
    ['"--" without a container', ['-q', '--', 'ls'], { command: ['ls'], flags: { quiet: [''] } }],
    ['empty words', ['web', '', 'a', ''], { container: 'web', command: ['', 'a', ''] }],
    ['an empty container', ['', 'ls'], { container: '', command: ['ls'] }],
    ['a lone dash', ['-', '-'], { container: '-', command: ['-'] }],
    ['bytes in the command', ['web', 'echo', BYTES], { container: 'web', command: ['echo', BYTES] }],
    ['bytes as the command', ['web', BYTES], { container: 'web', command: [BYTES] }],
    [
      'names of objects',
      ['web', '__proto__', 'constructor'],
      { container: 'web', command: ['__proto__', 'constructor'] },
    ],
    [
      'a cluster',
      ['-itqv', 'web'],
      { container: 'web', flags: { stdin: [''], tty: [''], quiet: [''], verbose: [''] } },
    ],
    [
      'a cluster that ends in a value',
      ['-itu', 'root', 'web'],
      { container: 'web', flags: { stdin: [''], tty: [''], user: ['root'] } },
    ],
    ['a value in the cluster', ['-tuapp', 'web'], { container: 'web', flags: { tty: [''], user: ['app'] } }],
    ['a value in the cluster with "="', ['-u=app', 'web'], { container: 'web', flags: { user: ['app'] } }],
    [
      'a value after "="',
      ['--user=app', '--workdir=', 'web'],
      { container: 'web', flags: { user: ['app'], workdir: [''] } },
    ],
    [
      'a value with "="',
      ['--env=A=b=c', '-eB=', '-e', 'C=d', 'web'],
      { container: 'web', flags: { env: ['A=b=c', 'B=', 'C=d'] } },
    ],
    [
      'a value that looks like a flag',
      ['-w', '-t', '--node', '--json', 'web'],
      { container: 'web', flags: { workdir: ['-t'], node: ['--json'] } },
    ],
    ['an alias', ['--cwd', '/srv', 'web'], { container: 'web', flags: { workdir: ['/srv'] } }],
    ['a flag more than once', ['-w', '/a', '-w', '/b', 'web'], { container: 'web', flags: { workdir: ['/a', '/b'] } }],
    [
      'opposites, the last one',
      ['-t', '-T', '--no-stdin', '-i', 'web'],
      { container: 'web', flags: { 'no-tty': [''], stdin: [''] } },
    ],
    [
      'opposites, the other way',
      ['-T', '-t', '-i', '--no-stdin', 'web'],
      { container: 'web', flags: { tty: [''], 'no-stdin': [''] } },
    ],
  ];

  for (const [what, words, expected] of CASES) {
    it(`${what} are split as typed`, () => {
      expect(split(words)).to.deep.equal({ command: [], flags: {}, ...expected });
    });
  }

  it('may hold every flag of the table, in every form', () => {
    for (const { name, char, aliases = [], value } of EXEC_FLAGS as readonly {
      name: string;
      char?: string;
      aliases?: readonly string[];
      value?: string;
    }[]) {
      const shorts = char === undefined ? [] : [`-${char}`];
      for (const form of [`--${name}`, ...aliases.map((alias) => `--${alias}`), ...shorts]) {
        const words = value === undefined ? [form] : [form, 'x'];
        expect(split([...words, 'web', 'ls']), form).to.deep.equal({
          container: 'web',
          command: ['ls'],
          flags: { [name]: [value === undefined ? '' : 'x'] },
        });
      }
    }
  });

  it('are refused with an unknown flag of ours, which is named', () => {
    for (const [words, shown] of [
      [['--tyt', 'web'], '"--tyt"'],
      [['web', '--tyt=1', 'ls'], '"--tyt"'],
      [['-x', 'web'], '"-x"'],
      [['-tx', 'web'], '"-x"'],
      [['--', 'ls'].toSpliced(0, 1, '---'), '"---"'],
      [['--constructor', 'web'], '"--constructor"'],
      [['--e', 'web'], '"--e"'],
      [['--\u001b[31m', 'web'], '"--\\u001b[31m"'],
    ] as const) {
      const error = errorOf(words);
      expect(error).to.be.an.instanceOf(UnknownFlagError);
      expect(error.message).to.equal(`unknown flag ${shown}`);
    }
  });

  it('are refused without the value of a flag, or with one that it does not take', () => {
    for (const words of [
      ['--user'],
      ['-u'],
      ['web', '-tw'],
      ['-u', '--', 'ls'],
      ['--user', '--', 'ls'],
      ['--tty=yes', 'web'],
      ['--json=', 'web'],
    ]) {
      expect(errorOf(words), words.join(' ')).to.deep.include({ code: 'UsageError' });
    }
    expect(errorOf(['--user']).message).to.equal('--user needs a value: USER[:GROUP]');
    expect(errorOf(['--tty=secret']).message).to.equal('--tty takes no value');
  });

  it('are refused where bytes stand for a container or a value', () => {
    expect(errorOf([BYTES, 'ls']).message).to.include('container');
    expect(errorOf(['-u', BYTES, 'web']).message).to.include('-u');
  });
});

describe('words that may name several containers', () => {
  const cases: [boolean, readonly Word[]][] = [
    [false, ['web', 'ls', '--task', 'a']],
    [false, ['k8s:shop/web', 'ls']],
    [false, ['k8s:shop/web/app', 'ls']],
    [false, ['lxc:web', 'ls']],
    [false, ['--', 'k8s:shop/deploy:web']],
    [true, ['k8s:shop/deploy:web', 'ls']],
    [true, ['k8s:deploy:web', 'ls']],
    [true, ['--task', 'a', '--', 'ls']],
    [true, ['web', '--container', 'a', 'ls']],
    [true, ['-nshop', 'web', 'ls']],
  ];
  for (const [expected, words] of cases)
    it(`are ${expected ? '' : 'not '}${words.join(' ')}`, () => {
      expect(namesSeveral(parseExecWords(words))).to.equal(expected);
    });
});
