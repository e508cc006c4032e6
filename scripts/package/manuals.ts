/** The manual pages: the program's and one for each verb, from what help is made of (oclif.manifest.json). */

interface Flag {
  readonly name: string;
  readonly char?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly type: 'boolean' | 'option';
  readonly helpValue?: string;
  readonly multiple?: boolean;
  readonly allowNo?: boolean;
  readonly hidden?: boolean;
  readonly aliases?: readonly string[];
  readonly required?: boolean;
}

interface Arg {
  readonly name: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly hidden?: boolean;
}

interface Verb {
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly usage?: string | readonly string[];
  readonly examples?: readonly (string | { description: string; command: string })[];
  readonly args: Record<string, Arg>;
  readonly flags: Record<string, Flag>;
  readonly hidden?: boolean;
}

/** What oclif writes down about the verbs. */
export interface Manifest {
  readonly version: string;
  readonly commands: Record<string, Verb>;
}

/** What the program's own page says beside what is known of the verbs. */
export interface Program {
  readonly name: string;
  readonly description: string;
  /** Of the pages, as YYYY-MM-DD. */
  readonly date: string;
}

/** The pages of section 1, by their file names. */
export function manuals(manifest: Manifest, program: Program): Map<string, string> {
  const verbs = Object.values(manifest.commands)
    .filter(({ hidden }) => hidden !== true)
    .toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const pages = new Map([[`${program.name}.1`, programPage(verbs, manifest, program)]]);
  for (const verb of verbs) pages.set(`${pageOf(program, verb)}.1`, verbPage(verb, manifest, program));
  return pages;
}

function pageOf({ name }: Program, { id }: Verb): string {
  return [name, ...id.split(':')].join('-');
}

function typed({ name }: Program, { id }: Verb): string {
  return [name, ...id.split(':')].join(' ');
}

function programPage(verbs: readonly Verb[], manifest: Manifest, program: Program): string {
  const { name } = program;
  return page([
    title(name, manifest, program),
    '.SH NAME',
    `${text(name)} \\- ${text(sentence(program.description))}`,
    '.SH SYNOPSIS',
    `.B ${text(name)}`,
    '.I COMMAND',
    `[${text('ARGUMENTS')}]`,
    '.SH DESCRIPTION',
    ...paragraphs(`${program.description}.`),
    '.SH COMMANDS',
    ...verbs.flatMap((verb) => [
      '.TP',
      `\\fB${text(typed(program, verb))}\\fR`,
      text(verb.summary),
      'See',
      `.BR ${text(pageOf(program, verb))} (1).`,
    ]),
    '.SH OPTIONS',
    '.TP',
    '\\fB\\-\\-help\\fR, \\fB\\-h\\fR',
    'show help, of the program or of a command',
    '.TP',
    '\\fB\\-\\-version\\fR',
    'print the version',
    '.SH FILES',
    ...[
      ['/etc/proxmox-lxcri/config.yaml', 'the configuration of all users of this host'],
      ['~/.config/proxmox-lxcri/config.yaml', "a user's own"],
      ['/usr/share/doc/proxmox-lxcri/examples/config.yaml', 'every key, with its default'],
      ['/usr/share/doc/proxmox-lxcri/docs', 'the documentation'],
    ].flatMap(([file = '', what = '']) => ['.TP', `.I ${text(file)}`, text(what)]),
    '.SH SEE ALSO',
    ...seeAlso([...verbs.map((verb) => `${pageOf(program, verb)}(1)`), 'lxc-attach(1)', 'pct(1)']),
  ]);
}

function verbPage(verb: Verb, manifest: Manifest, program: Program): string {
  const name = pageOf(program, verb);
  const flags = Object.values(verb.flags)
    .filter(({ hidden }) => hidden !== true)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const args = Object.values(verb.args).filter(({ hidden }) => hidden !== true);
  const group = verb.id.includes(':')
    ? Object.values(manifest.commands).find(({ id }) => id === verb.id.split(':')[0])
    : undefined;
  return page([
    title(name, manifest, program),
    '.SH NAME',
    `${text(name)} \\- ${text(sentence(verb.summary))}`,
    '.SH SYNOPSIS',
    ...synopsis(verb, flags, args, program),
    '.SH DESCRIPTION',
    ...paragraphs(verb.summary),
    ...(verb.description === undefined ? [] : ['.PP', ...paragraphs(verb.description)]),
    ...(args.length === 0 ? [] : ['.SH ARGUMENTS']),
    ...args.flatMap((arg) => ['.TP', `\\fI${text(arg.name.toUpperCase())}\\fR`, text(arg.description ?? '')]),
    ...(flags.length === 0 ? [] : ['.SH OPTIONS']),
    ...flags.flatMap((flag) => ['.TP', flagText(flag), text(flag.summary ?? flag.description ?? '')]),
    ...(verb.examples === undefined ? [] : ['.SH EXAMPLES']),
    ...(verb.examples ?? []).flatMap((example, index) => exampleText(example, index === 0, program)),
    '.SH SEE ALSO',
    ...seeAlso([`${program.name}(1)`, ...(group === undefined ? [] : [`${pageOf(program, group)}(1)`])]),
  ]);
}

function title(name: string, { version }: Manifest, program: Program): string {
  // A name that is broken at the end of a line can neither be read nor copied.
  return `.TH ${text(name.toUpperCase())} 1 ${program.date} "${text(`${program.name} ${version}`)}" "${text(program.name)}"\n.nh`;
}

function synopsis(verb: Verb, flags: readonly Flag[], args: readonly Arg[], program: Program): string[] {
  if (verb.usage !== undefined) {
    const usages = typeof verb.usage === 'string' ? [verb.usage] : verb.usage;
    return usages.flatMap((usage, index) => {
      const words = expanded(usage, program).replace(
        new RegExp(`^(${program.name} )?${verb.id.replaceAll(':', ' ')} ?`),
        '',
      );
      return [...(index === 0 ? [] : ['.br']), `.B ${text(typed(program, verb))}`, text(words)];
    });
  }
  const words = args.map(({ name, required }) => (required === true ? name.toUpperCase() : `[${name.toUpperCase()}]`));
  return [`.B ${text(typed(program, verb))}`, text([...(flags.length === 0 ? [] : ['[OPTIONS]']), ...words].join(' '))];
}

function flagText({ name, char, aliases, type, helpValue, multiple, allowNo }: Flag): string {
  const value = type === 'option' ? `=\\fI${text(helpValue ?? 'VALUE')}\\fR` : '';
  const long = allowNo === true ? [name, `no-${name}`] : [name, ...(aliases ?? [])];
  const words = [
    ...(char === undefined ? [] : [`\\fB\\-${text(char)}\\fR`]),
    ...long.map((each) => `\\fB\\-\\-${text(each)}\\fR${value}`),
  ];
  return `${words.join(', ')}${multiple === true ? ' ...' : ''}`;
}

function exampleText(
  example: string | { description: string; command: string },
  first: boolean,
  program: Program,
): string[] {
  const { description, command } = typeof example === 'string' ? { description: undefined, command: example } : example;
  const lines = expanded(command, program).split('\n');
  return [
    ...(first ? [] : ['.PP']),
    ...(description === undefined ? [] : [`${text(description)}:`, '.PP']),
    '.nf',
    '.RS 4',
    ...lines.map(text),
    '.RE',
    '.fi',
  ];
}

/** A paragraph whose first line is in capitals is a section of its own, as in oclif's help. */
function paragraphs(description: string): string[] {
  return description.split(/\n{2,}/).flatMap((paragraph, index) => {
    const lines = paragraph.split('\n').filter((line) => line.trim() !== '');
    const heading = /^[A-Z][A-Z ]+$/.test(lines[0] ?? '') ? lines.shift() : undefined;
    const before = heading === undefined ? (index === 0 ? [] : ['.PP']) : [`.SH ${text(heading)}`];
    return [...before, ...lines.map((line) => text(line.trim()))];
  });
}

function seeAlso(pages: readonly string[]): string[] {
  return pages.map((each, index) => {
    const [, name = '', section = ''] = /^(.*)(\(\d\))$/.exec(each) ?? [];
    return `.BR ${text(name)} ${section}${index === pages.length - 1 ? '' : ','}`;
  });
}

/** What follows the dash of NAME is no sentence. */
function sentence(summary: string): string {
  const line = summary.replace(/\.$/, '');
  return /^[A-Z][a-z ]/.test(line) ? line.charAt(0).toLowerCase() + line.slice(1) : line;
}

function expanded(template: string, { name }: Program): string {
  return template.replaceAll('<%= config.bin %>', name);
}

/** Text of ours, so that nothing of it is taken for roff. */
function text(plain: string): string {
  return plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('"', '\\(dq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^\./, '\\&.');
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
