import type { Writable } from 'node:stream';

/** Strings longer than this are written in pieces: escaped, two captured streams can exceed the longest string there is. */
const PIECE = 65_536;

/**
 * Writes an object as one line of JSON, with backpressure.
 *
 * @returns why not all of it could be handed over, or `undefined`.
 */
export async function writeJson(target: Writable, document: object): Promise<Error | undefined> {
  let failure: Error | undefined;
  target.on('error', (error) => (failure ??= error));
  for (const piece of joined(jsonPieces(document))) {
    // oxlint-disable-next-line no-await-in-loop -- the next piece waits for this one
    failure ??= await new Promise<Error | undefined>((resolve) =>
      target.write(piece, (error) => resolve(error ?? undefined)),
    );
    if (failure !== undefined) break;
  }
  return failure;
}

/** Fewer and longer pieces: a small document is one, so that those of several writers to one file do not mix. */
function* joined(pieces: Iterable<string>): Generator<string> {
  let text = '';
  for (const piece of pieces) {
    if (text !== '' && text.length + piece.length > PIECE) {
      yield text;
      text = '';
    }
    text += piece;
  }
  if (text !== '') yield text;
}

/** The JSON text of an object, in pieces of bounded length. */
export function* jsonPieces(document: object): Generator<string> {
  yield* objectPieces(document);
  yield '\n';
}

function* objectPieces(document: object): Generator<string> {
  let separator = '{';
  for (const [key, value] of Object.entries(document) as [string, unknown][]) {
    if (value === undefined) continue;
    yield `${separator}${JSON.stringify(key)}:`;
    separator = ',';
    yield* valuePieces(value);
  }
  yield separator === '{' ? '{}' : '}';
}

function* valuePieces(value: unknown): Generator<string> {
  if (typeof value === 'string') yield* stringPieces(value);
  else if (Array.isArray(value)) yield* arrayPieces(value);
  else if (typeof value === 'object' && value !== null) yield* objectPieces(value);
  else yield JSON.stringify(value);
}

function* arrayPieces(values: readonly unknown[]): Generator<string> {
  let separator = '[';
  for (const value of values) {
    yield separator;
    separator = ',';
    // As JSON.stringify has it.
    yield* valuePieces(value ?? null);
  }
  yield separator === '[' ? '[]' : ']';
}

function* stringPieces(text: string): Generator<string> {
  yield '"';
  // A surrogate pair cut in two becomes two escapes, which a JSON reader joins again.
  for (let start = 0; start < text.length; start += PIECE)
    yield JSON.stringify(text.slice(start, start + PIECE)).slice(1, -1);
  yield '"';
}
