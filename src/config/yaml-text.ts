import { LineCounter, isAlias, isMap, isScalar, parseDocument } from 'yaml';
import type { Document, Node, Pair, YAMLMap } from 'yaml';

import { LxcriError } from '../model/errors.ts';

/** For mistakes of which the parser speaks to programmers. */
const OWN_WORDS: Partial<Record<string, string>> = {
  RESOURCE_EXHAUSTION: 'it is nested too deeply',
  MULTIPLE_DOCS: 'it holds more than one document ("---" begins another)',
};

/** A key of a mapping, and what it is set to. */
export interface YamlEntry {
  readonly name: string;
  readonly value: Node | null;
  /** Where the key stands. */
  readonly at: number | undefined;
}

/** A YAML file, and what stands where in it: every mistake is told with its place. */
export class YamlText {
  readonly document: Document;
  readonly #path: string;
  readonly #lines = new LineCounter();

  /**
   * @param path named in errors.
   * @throws LxcriError `ConfigError` when it is no YAML.
   */
  constructor(path: string, bytes: Uint8Array) {
    this.#path = path;
    const text = this.#decode(bytes);
    // Names that stand twice are found by us, who know the whole name.
    this.document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    const [mistake] = [...this.document.errors, ...this.document.warnings];
    if (mistake !== undefined) {
      const what = OWN_WORDS[mistake.code] ?? mistake.message.split('\n')[0] ?? '';
      throw this.wrong(
        mistake.pos[0],
        `it is not valid YAML: ${what}`,
        'check the indentation, brackets and quotes there',
      );
    }
  }

  /** The line of a position, counted from 1. */
  line(at: number | undefined): number {
    return this.#lines.linePos(at ?? 0).line;
  }

  /**
   * The keys of a mapping, each of which stands there once.
   *
   * @param prefix of their names in errors, such as `exec.`.
   * @param hint for a key that is no text.
   */
  *entries(map: YAMLMap, prefix: string, hint: () => string): Generator<YamlEntry> {
    const seen = new Set<string>();
    for (const { key, value } of map.items as Pair<Node, Node | null>[]) {
      const at = key.range?.[0];
      if (!isScalar(key) || typeof key.value !== 'string') throw this.wrong(at, 'a key must be a plain word', hint());
      const name = key.value;
      if (seen.has(name)) throw this.wrong(at, `${prefix}${name} is set twice`, 'remove one of the two');
      seen.add(name);
      yield { name, value, at };
    }
  }

  /** A node that must be a mapping. */
  mapping(node: Node | null, what: string, at: number | undefined, hint: () => string): YAMLMap {
    if (isMap(node)) return node;
    this.refuseAlias(node, what);
    throw this.wrong(node?.range?.[0] ?? at, `${what} must hold keys with values`, hint());
  }

  /** A node that must be a text or a number, as it is written. */
  text(node: Node | null, what: string, form: string, at?: number): string {
    this.refuseAlias(node, what);
    if (isScalar(node)) {
      if (typeof node.value === 'string') return node.value;
      if (typeof node.value === 'number') return node.source ?? String(node.value);
    }
    const problem = isEmpty(node) ? 'has no value' : 'has a value of the wrong type';
    throw this.wrong(node?.range?.[0] ?? at, `${what} ${problem}`, `write ${form}`);
  }

  /** An alias can stand for any number of others. */
  refuseAlias(node: Node | null, what: string): void {
    if (isAlias(node))
      throw this.wrong(node.range?.[0], `${what} is an alias (*${node.source})`, 'write the value itself');
  }

  /** The error of a mistake at a position; without one, at the beginning. */
  wrong(at: number | undefined, what: string, hint: string): LxcriError {
    const { line, col } = this.#lines.linePos(at ?? 0);
    return new LxcriError('ConfigError', `${this.#path}:${line}:${col}: ${what}`, hint);
  }

  #decode(bytes: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      const lossy = new TextDecoder('utf-8').decode(bytes);
      const line = lossy.slice(0, lossy.indexOf('\ufffd')).split('\n').length;
      throw new LxcriError('ConfigError', `${this.#path}:${line}: it is not UTF-8`, 'save it as UTF-8');
    }
  }
}

/** Nothing, or the null that stands for nothing: a section whose keys are all comments. */
export function isEmpty(node: Node | null | undefined): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}
