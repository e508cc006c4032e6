import type { Command } from './commands.ts';
import { verbsByGroup } from './verbs.ts';
import type { Offer } from './verbs.ts';

/** The commands as functions of fish; those that read them are in core.fish. */
export function fishTables(commands: readonly Command[]): string {
  const verbs = [...verbsByGroup(commands)].map(([group, offers]) => branch([group], offered(offers)));
  const flags = commands.map(({ verb, flags: all }) =>
    branch([verb], offered(all.map(({ names: [word = ''], summary: note }) => ({ word, note })))),
  );
  const operands = commands.map(({ verb, operands: kinds, endsInCommand }) =>
    branch([verb], printed([endsInCommand ? 'command' : 'words', ...kinds])),
  );
  const values = commands.flatMap(({ verb, flags: all }) =>
    all.flatMap(({ names, kind }) =>
      kind === undefined
        ? []
        : [
            branch(
              names.map((name) => `${verb} ${name}`),
              printed([kind]),
            ),
          ],
    ),
  );
  return [
    fishFunction('verbs', 'The verbs of a group; without one, the first words of all.', verbs),
    fishFunction('flags', 'The flags of a verb.', flags),
    fishFunction('operands', 'What can follow a verb.', operands),
    fishFunction('value', 'What the value of a flag of a verb is; it fails for flags without one.', values),
  ].join('\n');
}

function fishFunction(name: string, what: string, branches: readonly string[]): string {
  const other = `        case '*'\n            return 1\n`;
  return `# ${what}\nfunction __proxmox_lxcri_${name}\n    switch "$argv[1]"\n${branches.join('')}${other}    end\nend\n`;
}

function branch(words: readonly string[], line: string): string {
  return `        case ${words.map(quoted).join(' ')}\n            ${line}\n`;
}

function offered(offers: readonly Offer[]): string {
  return printed(offers.map(({ word, note }) => `${word}\t${note}`));
}

function printed(lines: readonly string[]): string {
  return `printf '%s\\n' ${lines.map(quoted).join(' ')}`;
}

function quoted(text: string): string {
  const parts = text.split('\t').map((part) => `'${part.replaceAll(/[\\']/g, String.raw`\$&`)}'`);
  return parts.join(String.raw`\t`);
}
