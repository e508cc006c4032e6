/** The documentation of the configuration, as it has to follow from the table of keys. */
import { readFileSync } from 'node:fs';

import { KEY_NAMES, keySpec } from '../../src/config/keys.ts';
import type { Key } from '../../src/config/keys.ts';
import { KINDS } from '../../src/config/kinds.ts';

export function readDocument(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

/** The rows that the table of docs/configuration.md has. */
export function documentedRows(): string[] {
  return KEY_NAMES.map((key) => {
    const { kind, variable, summary, notInFile } = keySpec(key);
    const reason = notInFile === undefined ? '' : `; not in a file: ${notInFile}`;
    return `| \`${key}\` | \`${variable}\` | ${KINDS[kind].form} | ${shownDefault(key)} | ${summary}${reason} |`;
  });
}

/** What the program does when it runs as root and nothing is configured. */
function shownDefault(key: Key): string {
  const { initial } = keySpec(key);
  const written = typeof initial === 'function' ? initial({}) : initial;
  if (written === undefined) return '';
  return typeof written === 'string' ? `\`${written}\`` : `\`[${written.join(', ')}]\``;
}
