/**
 * The part of YAML in which `kubectl config` writes: mappings and lists by indentation, of words without quotes. Everything
 * else is for a parser of all of YAML, which takes longer to load than the rest of a call.
 */

/** What means the same in YAML 1.1, 1.2 and here: a word, on its own line. */
const WORD = /^[A-Za-z0-9/+=_][A-Za-z0-9/+=_.:@-]*$/;
/**
 * What YAML takes for something else than text: numbers to the base of 10, 16, 8, 2 and 60, and dates. A token may begin
 * with digits, and hold letters that a number could.
 */
const NO_TEXT =
  /^(null|true|false|yes|no|on|off|y|n|[+]?(\d[\d_]*(\.[\d_]*)?(e[+-]?\d*)?|0x[\da-f_]*|0o[0-7_]*|0b[01_]*|\d+(:\d+)+(\.\d*)?|\d+(-\d+)+(t.*)?|\.?(inf|nan)))$/i;
const LINE = /^( *)((?:- )*)([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$/;

type Value = string | boolean | null | Value[] | { [key: string]: Value };

interface Line {
  readonly indent: number;
  readonly key: string;
  /** `undefined` where what is below belongs to the key. */
  readonly word: Value | undefined;
  readonly begins: boolean;
}

/** What the text says, or `undefined` where it is written in another way. */
export function plainYaml(text: string): unknown {
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [, spaces = '', dash = '', key = '', rest = ''] = match;
    if (dash.length > 2) return undefined;
    const word = wordOf(rest);
    if (word === undefined && rest !== '') return undefined;
    lines.push({ indent: spaces.length + dash.length, key, word, begins: dash !== '' });
  }
  const reader = new Reader(lines);
  const result = reader.mapping(0);
  return reader.isAtEnd ? result : undefined;
}

function wordOf(text: string): Value | undefined {
  if (text === '""') return '';
  if (text === '{}') return {};
  if (text === '[]') return [];
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'null') return null;
  // A colon at the end would make it a key.
  return WORD.test(text) && !NO_TEXT.test(text) && !text.endsWith(':') ? text : undefined;
}

class Reader {
  readonly #lines: readonly Line[];
  #at = 0;
  #failed = false;

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  get isAtEnd(): boolean {
    return !this.#failed && this.#at === this.#lines.length;
  }

  /** The keys at this indentation, up to the next item of a list. */
  mapping(indent: number): { [key: string]: Value } {
    const result: { [key: string]: Value } = Object.create(null) as { [key: string]: Value };
    for (let line = this.#lines[this.#at], first = true; line?.indent === indent; line = this.#lines[this.#at]) {
      if (line.begins && !first) break;
      first = false;
      this.#at += 1;
      // Twice is a mistake.
      if (line.key in result) this.#failed = true;
      result[line.key] = line.word === undefined ? this.#below(indent) : line.word;
    }
    return result;
  }

  #below(indent: number): Value {
    const next = this.#lines[this.#at];
    // A list may stand as far left as its key.
    if (next?.begins === true && next.indent - 2 >= indent) return this.#list(next.indent);
    if (next === undefined || next.indent <= indent) return null;
    return this.mapping(next.indent);
  }

  #list(indent: number): Value[] {
    const items: Value[] = [];
    for (
      let line = this.#lines[this.#at];
      line?.begins === true && line.indent === indent;
      line = this.#lines[this.#at]
    )
      items.push(this.mapping(indent));
    return items;
  }
}
