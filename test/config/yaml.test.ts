import { expect } from 'chai';

import { parseEntries, withSetting } from '../../src/config/yaml.ts';
import type { Written } from '../../src/config/kinds.ts';
import { configErrorOf } from './error.ts';

const PATH = '/etc/proxmox-lxcri/config.yaml';

function entriesOf(text: string): Record<string, [Written, number]> {
  return Object.fromEntries(
    [...parseEntries(PATH, Buffer.from(text))].map(([key, { written, line }]) => [key, [written, line]]),
  );
}

/** The message and hint of a wrong file, without the file's name. */
async function wrong(bytes: string | Buffer): Promise<string> {
  const { message, hint } = await configErrorOf(() => parseEntries(PATH, Buffer.from(bytes)));
  expect(message.startsWith(PATH), message).to.equal(true);
  return `${message.slice(PATH.length)}; ${hint}`;
}

describe('a configuration file', () => {
  it('sets keys, in lines', () => {
    expect(
      entriesOf(`# ours
methods: [lxc-attach, "pct"]
lxcpath:
  - /a
  - '/b c'

exec:
  timeout: none
  maxOutput: 1048576  # a number
stop: {timeout: 1m}
`),
    ).to.deep.equal({
      methods: [['lxc-attach', 'pct'], 2],
      lxcpath: [['/a', '/b c'], 3],
      'exec.timeout': ['none', 8],
      'exec.maxOutput': ['1048576', 9],
      'stop.timeout': ['1m', 10],
    });
  });

  it('may set nothing', () => {
    for (const text of [
      '',
      '\n',
      '# only\n# comments',
      '---\n',
      '{}',
      'exec:\n',
      'exec:\n#  timeout: 1s\nstop: {}\n',
      '\ufeff',
    ])
      expect(entriesOf(text), JSON.stringify(text)).to.deep.equal({});
  });

  it('may be JSON, have CRLF, and have a byte order mark', () => {
    expect(entriesOf('{"exec": {"timeout": "5s"}}')).to.deep.equal({ 'exec.timeout': ['5s', 1] });
    expect(entriesOf('\ufeff# x\r\nexec:\r\n  timeout: 5s\r\n')).to.deep.equal({ 'exec.timeout': ['5s', 3] });
  });

  it('names a key that does not exist, and the one that was meant', async () => {
    for (const [text, place, key, meant] of [
      ['exec:\n  timout: 1s\n', '2:3', 'exec.timout', 'did you mean exec.timeout?'],
      ['exec:\n  kill-after: 1s\n', '2:3', 'exec.kill-after', 'did you mean exec.killAfter?'],
      ['stop: {}\nexec: {max_output: 1}\n', '2:8', 'exec.max_output', 'did you mean exec.maxOutput?'],
      ['pve-directory: /x\n', '1:1', 'pve-directory', 'did you mean pveDirectory?'],
      ['Methods: [pct]\n', '1:1', 'Methods', 'did you mean methods?'],
      ['killAfter: 1s\n', '1:1', 'killAfter', 'did you mean exec.killAfter?'],
      ['timeout: 1s\n', '1:1', 'timeout', 'did you mean exec.timeout or stop.timeout?'],
      ['exec.timeout: 1s\n', '1:1', 'exec.timeout', 'write exec: and below it, indented, timeout:'],
      ['__proto__: 1\n', '1:1', '__proto__', 'the keys are: methods, lxcpath'],
      ['constructor: 1\n', '1:1', 'constructor', 'the keys are: methods, lxcpath'],
      ['<<: {a: 1}\n', '1:1', '<<', 'the keys are: methods, lxcpath'],
      ['exec:\n  memory: 1\n', '2:3', 'exec.memory', 'the keys of exec are: timeout, killAfter, maxOutput'],
    ] as const) {
      const said = await wrong(text);
      expect(said, text).to.include(`:${place}: unknown key "${key}"; `);
      expect(said).to.include(meant);
    }
  });

  it('names what is wrong with a value, and what is allowed', async () => {
    for (const [text, place, what, allowed] of [
      ['exec:\n  timeout: 30\n', '2:12', 'exec.timeout: "30" is not a duration', 'write 30s, 5m'],
      ['exec:\n  killAfter: none\n', '2:14', 'exec.killAfter: "none" is not a duration', 'write 30s'],
      [
        'methods: [pct]\n---\nmethods: [pct]\n',
        '2:1',
        'it is not valid YAML: it holds more than one document',
        'check',
      ],
      ['exec:\n  timeout: 25d\n', '2:12', 'exec.timeout: "25d" is not a duration', 'at most 24d'],
      ['exec:\n  maxOutput: 1e6\n', '2:14', 'exec.maxOutput: "1e6" is not a size', 'write 64KiB'],
      ['exec:\n  maxOutput: 1GiB\n', '2:14', 'exec.maxOutput: "1GiB" is not a size', 'at most 256MiB'],
      ['detached: {keep: 99999d}\n', '1:18', 'detached.keep: "99999d" is not a duration', 'at most 3650d'],
      ['methods: [pct, ssh]\n', '1:16', 'methods: there is no method "ssh"', 'use one or more of: proxmox-api, pct'],
      ['methods: []\n', '1:10', 'methods: the list is empty', 'write a list of methods'],
      ['methods: pct\n', '1:10', 'methods: "pct" is no list', 'write a list of methods such as [pct, lxc-attach]'],
      ['lxcpath:\n  - /a\n  - b\n', '3:5', 'lxcpath: "b" is not an absolute path', 'begin it with "/"'],
      ['lxcpath: {a: b}\n', '1:10', 'lxcpath has a value of the wrong type', 'write a list of directories'],
      ['lxcpath:\n  - /a\n  - [/b]\n', '3:5', 'lxcpath has a value of the wrong type', 'write a list'],
      ['lxcpath:\n  -\n', '2:4', 'lxcpath has no value', 'write a list'],
      ['pveDirectory: [/a]\n', '1:15', 'pveDirectory: a list is not what is wanted here', 'write an absolute path'],
      ['pveDirectory: true\n', '1:15', 'pveDirectory has a value of the wrong type', 'write an absolute path'],
      ['# x\npveDirectory:\n', '2:14', 'pveDirectory has no value', 'write an absolute path'],
      ['exec: 5\n', '1:7', 'exec must hold keys with values', 'keys of it: timeout, killAfter, maxOutput'],
      ['exec: [timeout]\n', '1:7', 'exec must hold keys with values', 'keys of it'],
      ['- methods\n', '1:1', 'the file must hold keys with values', 'write for instance: methods: [lxc-attach]'],
      ['methods\n', '1:1', 'the file must hold keys with values', 'write for instance'],
      ['5: x\n', '1:1', 'a key must be a plain word', 'use: methods, lxcpath'],
      ['? [a]\n: x\n', '1:3', 'a key must be a plain word', 'use: methods'],
      [
        'cacheDirectory: /x\n',
        '1:1',
        'cacheDirectory cannot be set in a file',
        'set the variable PROXMOX_LXCRI_CACHE_DIR',
      ],
    ] as const) {
      const said = await wrong(text);
      expect(said, text).to.include(`:${place}: ${what}`);
      expect(said.slice(said.indexOf(what)), text).to.include(allowed);
    }
  });

  it('may set a key only once', async () => {
    expect(await wrong('exec:\n  timeout: 1s\n  timeout: 2s\n')).to.match(/^:3:3: exec\.timeout is set twice; /);
    expect(await wrong('exec: {}\nstop: {}\nexec: {}\n')).to.match(/^:3:1: exec is set twice; /);
  });

  it('that is not valid YAML is refused with the place', async () => {
    for (const [text, place] of [
      ['methods: [pct\nexec: 1\n', 2],
      ['exec:\n\ttimeout: 1s\n', 2],
      ['exec:\n  timeout: 1s\n killAfter: 1s\n', 3],
      ['a: "b\n', 2],
      ['a: 1\n---\nb: 2\n', 2],
      ['exec: !thing {}\n', 1],
      ['exec: @x\n', 1],
    ] as const) {
      const said = await wrong(text);
      expect(said, text).to.match(new RegExp(`^:${place}:\\d+: it is not valid YAML: \\S.*; check the indentation`));
      expect(said).not.to.include('\n');
    }
  });

  it('cannot use aliases, so that no few lines can stand for many', async () => {
    const bomb = [
      'a: &a [x]',
      ...'bcdefghi'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefghi'[index]},`.repeat(9)}]`),
    ];
    await wrong(`${bomb.join('\n')}\n`);
    expect(await wrong('lxcpath: &a [/x]\nmethods: *a\n')).to.match(
      /^:2:10: methods is an alias \(\*a\); write the value/,
    );
    expect(await wrong('lxcpath: [&a /x, *a]\n')).to.match(/^:1:18: lxcpath is an alias/);
    expect(await wrong('exec: &a {}\nstop: *a\n')).to.match(/^:2:7: stop is an alias/);
  });

  it('that is nested without end, or one huge line, is refused soon', async () => {
    const started = performance.now();
    expect(await wrong('['.repeat(100_000))).to.include('it is nested too deeply');
    await wrong('{a: '.repeat(20_000));
    await wrong(`a: ${'x'.repeat(1_000_000)}`);
    await wrong(`${'- '.repeat(50_000)}\n`);
    expect(performance.now() - started).to.be.below(20_000);
  });

  it('that is not UTF-8 is refused with the line', async () => {
    expect(await wrong(Buffer.from('# fine\nlxcpath: [/\xe4]\n', 'latin1'))).to.equal(
      ':2: it is not UTF-8; save it as UTF-8',
    );
    expect(await wrong(Buffer.from('\ufeffexec: {}\n', 'utf16le'))).to.include('it is not UTF-8');
    expect(await wrong(Buffer.from([0x00, 0x01, 0xff]))).to.include('it is not UTF-8');
  });

  it('does not show a long key or value whole', async () => {
    expect((await wrong(`${'k'.repeat(5000)}: 1\n`)).length).to.be.below(400);
    expect((await wrong(`exec: {timeout: ${'9'.repeat(5000)}}\n`)).length).to.be.below(400);
  });
});

describe('setting a key in a file', () => {
  function set(text: string, key: Parameters<typeof withSetting>[2], written: Written): string {
    return withSetting(PATH, Buffer.from(text), key, written);
  }

  it('keeps comments, the other keys and their order', () => {
    const before = `# head

methods: [pct] # why

# second
exec:
  timeout: 5s # five
  # after
lxcpath:
  - "/a"
  - '/b' # b

# end
`;
    expect(set(before, 'methods', ['lxc-attach', 'pct'])).to.equal(before.replace('[pct]', '[lxc-attach, pct]'));
    expect(set(before, 'exec.timeout', '1m')).to.equal(before.replace('5s', '1m'));
    expect(set(before, 'exec.killAfter', '1s')).to.equal(before.replace('  # after\n', '  killAfter: 1s\n  # after\n'));
    expect(set(before, 'stop.timeout', '1s'))
      .to.include('stop:\n  timeout: 1s\n')
      .and.to.include('# end');
  });

  it('begins a file, a section, and one whose keys are comments', () => {
    expect(set('', 'methods', ['pct'])).to.equal('methods: [pct]\n');
    const comments = set('# all\n# comments\n', 'exec.timeout', '30s');
    expect(comments).to.match(/^# all\n# comments\n/);
    const section = set('exec:\n#  timeout: 5s\nstop:\n  timeout: 9s\n', 'exec.timeout', '30s');
    expect(section).to.include('#  timeout: 5s');
    for (const [text, entries] of [
      [comments, { 'exec.timeout': '30s' }],
      [section, { 'exec.timeout': '30s', 'stop.timeout': '9s' }],
      [set('exec: {killAfter: 1s}\n', 'exec.timeout', 'none'), { 'exec.killAfter': '1s', 'exec.timeout': 'none' }],
      [set('---\nexec: {}\n...\n', 'exec.maxOutput', '1000'), { 'exec.maxOutput': '1000' }],
      [set('methods:\n- pct\n', 'methods', ['lxc-attach']), { methods: ['lxc-attach'] }],
    ] as const) {
      const found = Object.entries(entriesOf(text)).map(([key, [written]]) => [key, written]);
      expect(Object.fromEntries(found), text).to.deep.equal(entries);
    }
  });

  it('does not mend or hide what is wrong', async () => {
    await configErrorOf(() => set('methods: [ssh]\n', 'methods', ['pct']));
    await configErrorOf(() => set('a: [\n', 'methods', ['pct']));
    await configErrorOf(() => set('', 'exec.timeout', 'soon'));
    await configErrorOf(() => set('', 'methods', []));
    await configErrorOf(() => set('', 'cacheDirectory', '/x'));
  });

  it('writes a value so that it is read as it was', () => {
    for (const path of ['/a b', '/a#b: c', "/it's", '/"', '/[x]', '/ä', '/true', '/ # x'])
      expect(entriesOf(set('', 'lxcpath', [path]))['lxcpath']?.[0], path).to.deep.equal([path]);
  });
});
