/** Configuration files as YAML. A bundle of its own: it is needed only when a file has changed. */
import { YAMLMap, isSeq } from 'yaml';
import type { Node } from 'yaml';

import { InvalidValue } from '../values/invalid-value.ts';
import { nearest } from '../values/nearest.ts';
import { quoted } from '../values/quoted.ts';
import type { Entries, Entry } from './entries.ts';
import { KEY_NAMES, isKey, keySpec } from './keys.ts';
import type { Key } from './keys.ts';
import { KINDS } from './kinds.ts';
import type { Written } from './kinds.ts';
import { YamlText, isEmpty } from './yaml-text.ts';

/** Keys that hold other keys. */
const SECTIONS: ReadonlySet<string> = new Set(KEY_NAMES.filter((key) => key.includes('.')).map(sectionOf));

function sectionOf(key: string): string {
  return key.split('.')[0] ?? '';
}

/**
 * What a configuration file sets.
 *
 * @param path named in errors.
 * @throws LxcriError `ConfigError` for the first mistake, with its line and column.
 */
export function parseEntries(path: string, bytes: Uint8Array): Entries {
  return new ConfigText(path, bytes).settings();
}

/**
 * The text of a configuration file in which one key is set to a value. Comments and the other keys stay; what the file
 * says is the same otherwise.
 *
 * @param bytes the file as it is; empty for a new one.
 * @throws LxcriError `ConfigError` when the file is wrong as it is, or the value is none for this key.
 */
export function withSetting(path: string, bytes: Uint8Array, key: Key, written: Written): string {
  const config = new ConfigText(path, bytes);
  config.settings();
  const text = config.textWith(key, written);
  parseEntries(path, Buffer.from(text));
  return text;
}

/** A configuration file. */
class ConfigText extends YamlText {
  readonly #entries = new Map<Key, Entry>();

  settings(): Entries {
    const { contents } = this.document;
    if (!isEmpty(contents)) this.#section('', this.#mapping(contents, 'the file', 0));
    return this.#entries;
  }

  /** The whole text, with a key set. */
  textWith(key: Key, written: Written): string {
    const { document } = this;
    if (isEmpty(document.contents)) document.contents = new YAMLMap(document.schema);
    const path = key.split('.');
    const [section = ''] = path;
    if (path.length > 1 && document.has(section)) this.#replace([section], new YAMLMap(document.schema), isEmpty);
    this.#replace(path, document.createNode(written, { flow: true }), () => true);
    return document.toString({ lineWidth: 0, flowCollectionPadding: false });
  }

  /** Puts a node where another one is, which leaves it its comments, if that one may go. */
  #replace(path: readonly string[], node: Node, mayGo: (old: Node) => boolean): void {
    const old = this.document.getIn(path, true) as Node | undefined;
    if (old !== undefined && !mayGo(old)) return;
    const { comment, commentBefore } = old ?? {};
    Object.assign(node, { comment, commentBefore });
    this.document.setIn(path, node);
  }

  #section(prefix: string, map: YAMLMap): void {
    const hint = (): string => `use: ${keysBelow(prefix).join(', ')}`;
    for (const { name: typed, value, at } of this.entries(map, prefix, hint)) {
      const name = `${prefix}${typed}`;
      if (SECTIONS.has(name)) {
        if (!isEmpty(value)) this.#section(`${name}.`, this.#mapping(value, name, at));
      } else if (isKey(name) && !typed.includes('.')) {
        this.#entries.set(name, { written: this.#value(name, value, at), line: this.line(at) });
      } else {
        throw this.wrong(at, `unknown key ${quoted(name)}`, keyHint(prefix, typed));
      }
    }
  }

  #mapping(node: Node | null, what: string, at: number | undefined): YAMLMap {
    return this.mapping(node, what, at, () =>
      what === 'the file'
        ? 'write for instance: methods: [lxc-attach]'
        : `keys of it: ${keysBelow(`${what}.`).join(', ')}`,
    );
  }

  #value(key: Key, node: Node | null, at: number | undefined): Written {
    const { kind, notInFile, variable } = keySpec(key);
    if (notInFile !== undefined)
      throw this.wrong(at, `${key} cannot be set in a file: ${notInFile}`, `set the variable ${variable}`);
    this.refuseAlias(node, key);
    const { form, read, separator } = KINDS[kind] as (typeof KINDS)[typeof kind] & { separator?: string };
    const written = isSeq(node)
      ? (node.items as Node[]).map((item) => this.text(item, key, form))
      : this.text(node, key, form, at);
    if (separator !== undefined && typeof written === 'string')
      throw this.wrong(node?.range?.[0] ?? at, `${key}: ${quoted(written)} is no list`, `write ${form}`);
    try {
      read(written);
      return written;
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      const items = isSeq(node) && separator !== undefined ? (node.items as Node[]) : [];
      const wrong = items.find((_, index) => !accepts(read, [written[index] ?? ''])) ?? node;
      throw this.wrong(wrong?.range?.[0] ?? at, `${key}: ${error.message}`, error.hint);
    }
  }
}

/** Whether a value means something; finds the one element of a list that does not. */
function accepts(read: (written: Written) => unknown, written: Written): boolean {
  try {
    read(written);
    return true;
  } catch {
    return false;
  }
}

/** The keys and sections of a level. */
function keysBelow(prefix: string): string[] {
  const names = KEY_NAMES.filter((key) => key.startsWith(prefix) && keySpec(key).notInFile === undefined);
  return [...new Set(names.map((key) => key.slice(prefix.length)).map(sectionOf))];
}

/** The key that was probably meant: written in another style, at another level, or mistyped. */
function keyHint(prefix: string, typed: string): string {
  const camel = typed.replace(/[-_]+([a-z])/gi, (_, letter: string) => letter.toUpperCase());
  const level = keysBelow(prefix);
  const here = level.includes(camel) ? camel : nearest(camel, level);
  if (here !== undefined) return `did you mean ${prefix}${here}?`;
  if (isKey(camel))
    return `write ${sectionOf(camel)}: and below it, indented, ${camel.slice(sectionOf(camel).length + 1)}:`;
  const elsewhere = KEY_NAMES.filter((key) => key.split('.').at(-1) === camel);
  if (elsewhere.length > 0) return `did you mean ${elsewhere.join(' or ')}?`;
  return `the keys ${prefix === '' ? '' : `of ${prefix.slice(0, -1)} `}are: ${level.join(', ')}`;
}
