import type { Command } from './commands.ts';
import { verbsByGroup } from './verbs.ts';
import type { Offer } from './verbs.ts';

/** The commands as functions of bash and zsh; those that read them are in core.sh. */
export function shellTables(commands: readonly Command[]): string {
  const verbs = [...verbsByGroup(commands)].map(([group, offers]) =>
    branch(quoted(group), offered(offers, 'values', 'notes')),
  );
  const entries = commands.map(({ verb, flags, operands, endsInCommand }) =>
    branch(quoted(verb), [
      ...offered(
        flags.map(({ names: [word = ''], summary: note }) => ({ word, note })),
        'flags',
        'flag_notes',
      ),
      `operands=(${operands.map(quoted).join(' ')}) command=${endsInCommand ? 'command' : "''"}`,
    ]),
  );
  const values = commands.flatMap(({ verb, flags }) =>
    flags.flatMap(({ names, kind }) =>
      kind === undefined
        ? []
        : [branch(names.map((name) => quoted(`${verb} ${name}`)).join(' | '), [`kind=${quoted(kind)}`])],
    ),
  );
  return [
    shellFunction('verbs', 'The verbs of a group; without one, the first words of all.', verbs),
    shellFunction('command', 'What can follow a verb.', entries),
    shellFunction('value', 'What the value of a flag of a verb is; it fails for flags without one.', values),
  ].join('\n');
}

function shellFunction(name: string, what: string, branches: readonly string[]): string {
  return `# ${what}\n__proxmox_lxcri_${name}() {\n  case $1 in\n${branches.join('')}    *) return 1 ;;\n  esac\n}\n`;
}

function branch(pattern: string, lines: readonly string[]): string {
  return `    ${pattern})\n${lines.map((line) => `      ${line}\n`).join('')}      ;;\n`;
}

function offered(offers: readonly Offer[], words: string, notes: string): string[] {
  return [
    `${words}=(${offers.map(({ word }) => quoted(word)).join(' ')})`,
    `${notes}=(${offers.map(({ note }) => quoted(note)).join(' ')})`,
  ];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
