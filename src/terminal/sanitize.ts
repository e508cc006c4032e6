/**
 * Makes text from elsewhere harmless for a terminal and keeps it on one line: control and escape characters, including
 * the C1 range and the marks that change the direction of text, are shown as escapes.
 */
export function sanitize(text: string): string {
  return text.replace(
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
