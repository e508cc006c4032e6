import type { Command } from './commands.ts';

/** A word that is offered, and what is said of it. */
export interface Offer {
  readonly word: string;
  readonly note: string;
}

/** What the groups of verbs are for; oclif has them in package.json, which says no more than this. */
const GROUP_NOTES: Record<string, string> = { config: 'Settings: where they come from and what they are.' };

/** The second words of verbs of two, by their first; and the first words of all, by `''`. */
export function verbsByGroup(commands: readonly Command[]): Map<string, Offer[]> {
  const groups = new Map<string, Offer[]>([['', []]]);
  for (const { verb, summary } of commands) {
    const [first = '', second] = verb.split(' ');
    const top = groups.get('') ?? [];
    const known = top.find(({ word }) => word === first);
    if (known === undefined)
      top.push({ word: first, note: second === undefined ? summary : (GROUP_NOTES[first] ?? '') });
    if (second !== undefined) groups.set(first, [...(groups.get(first) ?? []), { word: second, note: summary }]);
  }
  groups
    .get('')
    ?.push(
      { word: 'help', note: 'Show help of a command.' },
      { word: '--help', note: 'Show help.' },
      { word: '--version', note: 'Show the version.' },
    );
  return groups;
}
