/** The code blocks of the documentation, so that tests run what it shows. */
import { readFileSync } from 'node:fs';

/**
 * The blocks of one language in a page of docs/, in their order.
 *
 * @param page its file name.
 * @param language what stands behind the opening fence: `sh`, `json` ...
 */
export function recipes(page: string, language: string): string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  return blocks.filter(([, name]) => name === language).map(([, , code = '']) => code);
}
