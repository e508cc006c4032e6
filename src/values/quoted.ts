/** More of a text than this is not shown: an error is one line. */
const LONGEST = 80;

/** What was typed or written, for errors. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text);
}
