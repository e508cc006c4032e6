/**
 * Makes text from elsewhere harmless for a terminal and keeps it on one line: what a terminal acts on, or what cannot be
 * seen, becomes an escape. That is control characters (C0, C1, DEL), line and paragraph separators, the marks that
 * change the direction of text, zero-width characters, variation selectors, tags, and unpaired surrogates: a name with
 * one of them could draw on the terminal, or look like another name. The classes are Unicode's; the characters that show
 * nothing are those for which it says "default ignorable".
 */
export function sanitize(text: string): string {
  // Written here because to make it takes a quarter of a millisecond, and `exec` loads this file.
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}
