/**
 * What a terminal acts on, or what cannot be seen: control characters (C0, C1, DEL), line and paragraph separators, the
 * marks that change the direction of text, zero-width characters, variation selectors, tags, and unpaired surrogates.
 * A name with one of them could draw on the terminal, or look like another name. The classes are Unicode's: the
 * characters for which it says "default ignorable" are those that show nothing.
 */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Makes text from elsewhere harmless for a terminal and keeps it on one line: harmful characters become escapes. */
export function sanitize(text: string): string {
  return text.replace(HARMFUL, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}
