/** The library's reference as one page of Markdown. */
import type { ApiItem } from './extract.ts';

const SECTIONS: readonly (readonly [title: string, kind: string])[] = [
  ['Functions', 'Function'],
  ['Interfaces', 'Interface'],
  ['Classes', 'Class'],
  ['Types', 'TypeAlias'],
  ['Constants', 'Variable'],
];

/** A declaration's comment, taken apart. */
interface Comment {
  readonly summary: string;
  /** `@param NAME text`. */
  readonly params: readonly string[];
  readonly returns: string | undefined;
  readonly throws: readonly string[];
}

/**
 * Renders everything that the library exports.
 *
 * @param about the comment of the package.
 * @throws Error naming what has no comment (only a property may speak for itself), or is of a kind that has no section.
 */
export function renderApi(about: string, items: readonly ApiItem[]): string {
  const strange = items.filter(({ kind }) => !SECTIONS.some(([, known]) => known === kind));
  if (strange.length > 0) throw new Error(`no section for ${strange.map(({ name }) => name).join(', ')}`);
  const names = new Set(items.map(({ name }) => name));
  const sections = SECTIONS.map(([title, kind]) => {
    const own = items.filter((item) => item.kind === kind);
    return own.length === 0 ? '' : [`## ${title}`, ...own.map((item) => renderItem(item, names))].join('\n\n');
  });
  const index = SECTIONS.map(([title, kind]) => {
    const links = items.filter((item) => item.kind === kind).map(({ name }) => linked(name));
    return `- ${title}: ${links.join(', ')}`;
  });
  return `${['# The library: reference', NOTE, textOf(parse(about, 'the package').summary, names), index.join('\n'), ...sections].filter(Boolean).join('\n\n')}\n`;
}

const NOTE = '<!-- Made from the declarations by `npm run docs:api`; a test fails when it is not up to date. -->';

function renderItem(item: ApiItem, names: ReadonlySet<string>): string {
  const members = item.members ?? [];
  const properties = members.filter(({ kind }) => kind.startsWith('Property'));
  // A constructor is for whoever makes errors of ours; programs only get them.
  const methods = members.filter(({ kind }) => kind.startsWith('Method'));
  return [
    `### ${item.name}`,
    code(item.kind === 'Variable' ? `const ${declaration(item)}` : declaration(item)),
    details(item, item.name, names),
    properties.map((member) => renderProperty(member, item.name, names)).join('\n'),
    ...methods.map((member) => renderMethod(member, item.name, names)),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function renderProperty(member: ApiItem, owner: string, names: ReadonlySet<string>): string {
  const text = member.docComment === '' ? '' : parse(member.docComment, `${owner}.${member.name}`).summary;
  const shown = declaration(member)
    .replace(/;$/, '')
    .replace(/^readonly /, '')
    // What an option may be anyway.
    .replace(/^(\w+\?: .*) \| undefined$/s, '$1');
  const meaning = text === '' ? '' : `: ${textOf(text, names).replaceAll('\n', '\n  ')}`;
  return `- \`${shown.replaceAll(/\s+/g, ' ')}\`${meaning}`;
}

function renderMethod(member: ApiItem, owner: string, names: ReadonlySet<string>): string {
  const name = `${owner}.${member.name}`;
  return [`#### ${name}()`, code(declaration(member)), details(member, name, names)].join('\n\n');
}

function details(item: ApiItem, owner: string, names: ReadonlySet<string>): string {
  const { summary, params, returns, throws } = parse(item.docComment, owner);
  const failing = declaration(item).includes('): Promise<') ? 'Rejects with' : 'Throws';
  const lines = [
    ...params.map((text) => `- ${text.replace(/^(\S+) - /, '`$1`: ')}`),
    ...(returns === undefined ? [] : [`- Returns ${returns}`]),
    ...throws.map((text) => `- ${failing} ${text}`),
  ].map((line) => textOf(line, names).replaceAll('\n', '\n  '));
  return [textOf(summary, names), lines.join('\n')].filter(Boolean).join('\n\n');
}

function declaration({ excerptTokens }: ApiItem): string {
  const text = excerptTokens.map((token) => token.text).join('');
  return text.replace(/^export (declare )?/, '').trim();
}

function code(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``;
}

function linked(name: string): string {
  return `[${name}](#${name.toLowerCase()})`;
}

/** Links as Markdown has them: to the page's own heading of that name, a member's to its owner's. */
function textOf(text: string, names: ReadonlySet<string>): string {
  return text.replaceAll(/\{@link ([\w.]+)\}/g, (_all, target: string) => {
    const [owner = ''] = target.split('.');
    if (!names.has(owner)) throw new Error(`a link leads to ${target}, which is not exported`);
    return `[\`${target}\`](#${owner.toLowerCase()})`;
  });
}

function parse(docComment: string, of: string): Comment {
  const text = docComment
    .replace(/^\/\*\*\s?/, '')
    .replace(/\s*\*\/\s*$/, '')
    .replaceAll(/^[ \t]*\* ?/gm, '')
    .trim();
  const [summary = '', ...blocks] = text.split(/\n?^@/m);
  if (summary.trim() === '') throw new Error(`${of} has no comment`);
  const tagged = (tag: string): string[] =>
    blocks
      .filter((block) => block.startsWith(tag))
      .map((block) => block.slice(tag.length).trim().replaceAll(/\n\s*/g, '\n'));
  return { summary: summary.trim(), params: tagged('param'), returns: tagged('returns')[0], throws: tagged('throws') };
}
