import { writeSync } from 'node:fs';

import type { startExecution } from '../oci/execution.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { KINDS } from './complete/kinds.ts';

/** Something that a word can be completed to. */
export interface Candidate {
  readonly word: string;
  /** A few words about it, from anywhere. */
  readonly note: string;
}

/** Whoever pressed a key does not wait longer, whatever hangs. */
const LIMIT_MS = 5000;

const MAX_NOTE_LENGTH = 100;

/** Names that need quotes in a shell are none that we could have given ourselves. The scripts check the same. */
const PLAIN = /^[A-Za-z0-9_.:/@+][A-Za-z0-9_.:/@+-]*$/;

/**
 * `proxmox-lxcri __complete KIND TYPED CONTEXT CONTAINER NAMESPACE`, which the scripts call for what only the host or a cluster
 * knows: prints a line `WORD<tab>NOTE` for each candidate, and nothing where something is wrong.
 *
 * @param words the kind; what is typed of the word so far; the context, the container and the namespace that other
 *   words name, or "".
 * @param start handed in, because it is in the bundle of the program itself.
 */
export async function complete(
  [name = '', typed = '', context = '', container = '', namespace = '']: readonly string[],
  start: typeof startExecution,
): Promise<number> {
  const limit = setTimeout(() => end(), LIMIT_MS);
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  try {
    const found = await kind?.({
      typed,
      context: context || undefined,
      container: container || undefined,
      namespace: namespace || undefined,
      start,
    });
    writeSync(
      1,
      [...(found ?? [])]
        .filter(({ word }) => PLAIN.test(word))
        .map(lineOf)
        .join(''),
    );
  } catch {
    // There is nobody to tell: the user is in the middle of a line.
  }
  clearTimeout(limit);
  return end();
}

function lineOf({ word, note }: Candidate): string {
  return `${word}\t${sanitize(note.slice(0, MAX_NOTE_LENGTH))}\n`;
}

/**
 * Before it ends, Node waits for lookups of names that are under way, which takes ten seconds and more where no server
 * answers. Another program in its place waits for nothing; to be killed, which would not either, is told by fish.
 */
function end(): number {
  if (process.getActiveResourcesInfo().some((resource) => resource.startsWith('GetAddrInfo'))) {
    try {
      process.execve?.('/bin/true', ['true'], {});
    } catch {
      // Then it is waited for.
    }
  }
  process.exit(0);
}
