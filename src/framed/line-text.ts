/** Bytes as the format of `printf`, which every POSIX shell has built in: one line of printable ASCII, whatever they are. */

/** By byte. A minus sign first would be an option. */
const ESCAPES: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (character === '%') return '%%';
  if (character === '\\') return '\\\\';
  return byte >= 0x20 && byte < 0x7f ? character : `\\${byte.toString(8).padStart(3, '0')}`;
});

/** What `printf` makes these bytes of. */
export function printfFormat(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += ESCAPES[byte] ?? '';
  return text;
}

/** A word as a shell reads it back, byte for byte. */
export function quotedBytes(word: string | Uint8Array): Buffer {
  // Byte by byte: latin1 keeps each as one character.
  const text = Buffer.from(word).toString('latin1').replaceAll("'", String.raw`'\''`);
  return Buffer.from(`'${text}'`, 'latin1');
}
