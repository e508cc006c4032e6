import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

import type { Word } from '../model/request.ts';

const REPLACEMENT_CHARACTER = '\uFFFD';

/**
 * The words this process was called with, byte for byte. Node decodes them as UTF-8 and replaces what is not; where that
 * may have happened the kernel is asked.
 *
 * @param decoded the words as Node shows them: the last ones of the command line.
 */
export function exactWords(decoded: readonly string[]): Word[] {
  if (!decoded.some((word) => word.includes(REPLACEMENT_CHARACTER))) return [...decoded];
  const words: Buffer[] = [];
  const line = readFileSync('/proc/self/cmdline');
  for (let start = 0; start < line.length; ) {
    const end = line.indexOf(0, start);
    words.push(line.subarray(start, end));
    start = end + 1;
  }
  return words.slice(words.length - decoded.length).map((word, index) => {
    // The launcher may have put a character before each word (see bin/), which `decoded` no longer has.
    const exact = word.toString('utf8') === decoded[index] ? word : word.subarray(1);
    return isUtf8(exact) ? exact.toString('utf8') : exact;
  });
}
