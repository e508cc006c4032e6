import type { Word } from '../../model/request.ts';

/** What to spawn. */
export interface SpawnArguments {
  file: string;
  args: string[];
}

/**
 * Turns words into something Node can spawn. Node's `spawn` takes text only, so where a word is not valid UTF-8 a shell
 * on this host makes its bytes again (octal escapes; the trailing x keeps newlines that `$(...)` would drop).
 */
export function spawnArguments(file: string, words: readonly Word[]): SpawnArguments {
  if (words.every((word) => typeof word === 'string')) return { file, args: [...words] };
  const lines = ['LC_ALL=C'];
  const references: string[] = [];
  const text: string[] = [];
  for (const word of words) {
    if (typeof word === 'string') {
      text.push(word);
      references.push(`"\${${text.length}}"`);
    } else {
      const name = `plx_${references.length}`;
      lines.push(`${name}=$(printf '${octal(word)}x')`, `${name}=\${${name}%x}`);
      references.push(`"$${name}"`);
    }
  }
  lines.push(`exec "$0" ${references.join(' ')}`);
  return { file: '/bin/sh', args: ['-c', lines.join('\n'), file, ...text] };
}

function octal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
