/** The documents that follow from the table of keys: the documentation, the example, and the JSON Schema. */
import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';
import { expect } from 'chai';
import { parse } from 'yaml';

import { configSchema } from '../../scripts/config/schema.ts';
import { KEY_NAMES, keySpec } from '../../src/config/keys.ts';
import { KINDS } from '../../src/config/kinds.ts';
import { parseEntries } from '../../src/config/yaml.ts';
import { documentedRows, readDocument } from './document.ts';

const IN_FILES = KEY_NAMES.filter((key) => keySpec(key).notInFile === undefined);

describe('the documentation of the configuration', () => {
  it('has a row for each key, in order', () => {
    const rows = readDocument('configuration.md')
      .split('\n')
      .filter((line) => /^\| `[a-zA-Z.]+` \| `PROXMOX_LXCRI_/.test(line));
    expect(rows).to.deep.equal(documentedRows());
  });

  it('shows mistakes as they are told', () => {
    const shown = readDocument('configuration.md');
    for (const [key, hint] of [
      ['exec.kill-after', 'did you mean exec.killAfter?'],
      ['"30" is not a duration', 'at most 24d'],
    ] as const)
      expect(shown).to.match(new RegExp(`ConfigError: .*${key}.*${hint.replace('?', '\\?')}`));
  });
});

describe('the example of a configuration', () => {
  const example = readDocument('config.example.yaml');
  /** With every key, as somebody may have it who wants all of them. */
  const whole = example.replaceAll(/^#(?=\S| {2}\S)/gm, '');

  it('sets nothing as it is', () => {
    expect(parseEntries('example', Buffer.from(example)).size).to.equal(0);
  });

  it('holds every key that a file may hold, with its default', () => {
    const entries = parseEntries('example', Buffer.from(whole));
    expect([...entries.keys()]).to.deep.equal(IN_FILES);
    for (const [key, { written }] of entries) {
      const { initial, kind } = keySpec(key);
      // Of lxcpath it is what holds where LXC's own configuration says nothing.
      const byDefault = typeof initial === 'function' ? initial({}) : (initial ?? ['/var/lib/lxc']);
      expect(KINDS[kind].read(written), key).to.deep.equal(KINDS[kind].read(byDefault));
    }
  });
});

describe('the schema of a configuration', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../schemas/config.schema.json', import.meta.url), 'utf8'),
  ) as object;
  const valid = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);

  it('is the one that follows from the table of keys (else: npm run config:schema)', () => {
    expect(schema).to.deep.equal(configSchema());
  });

  it('says the same as the program', () => {
    for (const text of [
      '',
      'exec:\n',
      'methods: [pct, lxc-attach]',
      'methods: []',
      'methods: pct',
      'methods: [ssh]',
      'lxcpath: [/a, "/b c"]',
      'lxcpath: [a]',
      'lxcpath: []',
      'lxcpath: /a',
      'pveDirectory: /a',
      'pveDirectory: a',
      'pveDirectory: true',
      'cacheDirectory: /a',
      'exec: {timeout: none, killAfter: 1h30m, maxOutput: 1000}',
      'exec: {timeout: 5}',
      'exec: {timeout: 5 s}',
      'exec: {timeout: 1.5s}',
      'exec: {killAfter: none}',
      'exec: {maxOutput: 1.5}',
      'exec: {maxOutput: -1}',
      'exec: {maxOutput: 8mib}',
      'exec: {maxOutput: "8 MiB"}',
      'exec: {memory: 1}',
      'exec: 5',
      'exec: []',
      'stop: {timeout: 60s}',
      'detached: {keep: 7d, maxOutput: 1MiB}',
      'other: 1',
      '[]',
      'word',
    ]) {
      let accepted = true;
      try {
        parseEntries('x', Buffer.from(text));
      } catch {
        accepted = false;
      }
      expect(valid(parse(text)), text).to.equal(accepted);
    }
  });
});
