/** Parameters as they come: in the query, in a form, or as JSON. */
import type { Head } from './wire.ts';

export type RawParameters = Record<string, string>;

/**
 * As pveproxy splits them: at every `&` and `;`, and a pair at its first two `=` (what follows a second one is lost).
 * A name that comes twice gives a list, joined by NUL.
 */
function decodeForm(text: string): RawParameters {
  const result: RawParameters = {};
  for (const pair of text.split(/[&;]/)) {
    const [rawName = '', rawValue = ''] = pair.split('=');
    const name = unescape(rawName);
    if (name === '') continue;
    const value = unescape(rawValue);
    const former = result[name];
    result[name] = former === undefined ? value : `${former}\0${value}`;
  }
  return result;
}

/** Those of the query win. `_dc` is there to defeat caches, and dropped. */
export function parametersOf(head: Head, body: Buffer): RawParameters {
  const [, query = ''] = head.target.split('?');
  const { _dc: _, ...parameters } = { ...bodyParameters(head, body), ...decodeForm(query) };
  return parameters;
}

function bodyParameters(head: Head, body: Buffer): RawParameters {
  if (contentType(head) !== 'application/json') return decodeForm(body.toString('latin1'));
  const values = JSON.parse(body.toString() || '{}') as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value.join('\0') : String(value)]),
  );
}

export function contentType(head: Head): string | undefined {
  return head.headers.get('content-type')?.split(/\s*[;,]\s*/)[0];
}

function unescape(text: string): string {
  return percentDecode(text.replaceAll('+', ' '));
}

/** What is no escape is left as it is. */
export function percentDecode(text: string): string {
  const bytes = text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}
