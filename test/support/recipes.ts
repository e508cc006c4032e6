/** The code blocks of a document, so that what it tells people to do is done by a test. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

interface Block {
  readonly heading: string;
  readonly language: string;
  readonly line: number;
  readonly text: string;
}

const ROOT = resolve(import.meta.dirname, '../..');

/** The fenced blocks of a Markdown document. A test takes each of them, and makes sure that none is left. */
export class Recipes {
  readonly #document: string;
  readonly #blocks: Block[];

  /** @param document its path from the project's root. */
  constructor(document: string) {
    this.#document = document;
    this.#blocks = blocksOf(readFileSync(resolve(ROOT, document), 'utf8'));
  }

  /**
   * The next block of this language below this heading.
   *
   * @throws Error when there is none (any more): the document was changed, and its test was not.
   */
  take(heading: string, language: string): string {
    const at = this.#blocks.findIndex((block) => block.heading === heading && block.language === language);
    const [block] = at === -1 ? [] : this.#blocks.splice(at, 1);
    if (block === undefined) throw new Error(`${this.#document}: no (further) block of ${language} under "${heading}"`);
    return block.text;
  }

  /** The blocks that no test has taken, to be shown. */
  left(): string[] {
    return this.#blocks.map(
      ({ line, language, heading }) => `${this.#document}:${line}: ${language} under "${heading}"`,
    );
  }
}

/**
 * The blocks of one language in a page of docs/, in their order.
 *
 * @param page its file name.
 * @param language what stands behind the opening fence: `sh`, `json` ...
 */
export function recipes(page: string, language: string): string[] {
  const blocks = blocksOf(readFileSync(resolve(ROOT, 'docs', page), 'utf8'));
  return blocks.filter((block) => block.language === language).map(({ text }) => text);
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: { language: string; line: number; lines: string[] } | undefined;
  markdown.split('\n').forEach((line, index) => {
    const fence = /^```(\w*)$/.exec(line);
    if (open !== undefined) {
      if (fence === null) open.lines.push(line);
      else {
        blocks.push({ heading, language: open.language, line: open.line, text: `${open.lines.join('\n')}\n` });
        open = undefined;
      }
    } else if (fence !== null) open = { language: fence[1] ?? '', line: index + 1, lines: [] };
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  });
  return blocks;
}

/**
 * A recipe with other words: `{ web: 'plx-1-busybox' }` puts the test's container in the place of `web`.
 *
 * @throws Error when one of the words is not there.
 */
export function adapted(recipe: string, words: Record<string, string>): string {
  return Object.entries(words).reduce((text, [word, replacement]) => {
    const pattern = new RegExp(`(?<![A-Za-z0-9_])${escaped(word)}(?![A-Za-z0-9_])`, 'g');
    const changed = text.replaceAll(pattern, () => replacement);
    if (changed === text) throw new Error(`${word} is not in: ${recipe}`);
    return changed;
  }, recipe);
}

/** What a document shows of an output, as a pattern: durations, points in time and process numbers may be others. */
export function samplePattern(sample: string): RegExp {
  const text = escaped(sample)
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ')
    .replaceAll(/\bafter \d[\w\\.]*(?=[;\n])/g, 'after [\\dhms.]+')
    .replaceAll(/\bprocess \d+/g, 'process \\d+');
  return new RegExp(`^${text}$`);
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
