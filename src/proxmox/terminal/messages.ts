/**
 * What a terminal's client says to termproxy (src/main.rs of pve-xtermjs): `0:LENGTH:BYTES` is typed, `1:COLUMNS:ROWS:`
 * is its size, `2` says that we are still there. The length is one of bytes.
 */

/**
 * Above 64 KiB in one frame pveproxy says nothing any more, and hears nothing (PVE/APIServer/AnyEvent.pm). A little more than
 * half of that: what is sent in pieces of 64 KiB with a header has two messages, and not a third one for the rest.
 */
const MAX_TYPED_BYTES = 33 * 1024;

export const KEEP_ALIVE = Buffer.from('2');

/**
 * What is typed, as messages that are not too large.
 *
 * @param pieces of it, in order.
 */
export function* typed(pieces: readonly Buffer[]): Generator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + MAX_TYPED_BYTES - length);
      parts.push(part);
      length += part.length;
      at += part.length;
      if (length < MAX_TYPED_BYTES) continue;
      yield message(parts, length);
      [parts, length] = [[], 0];
    }
  }
  if (length > 0) yield message(parts, length);
}

function message(parts: readonly Buffer[], length: number): Buffer {
  const head = Buffer.from(`0:${length}:`);
  return Buffer.concat([head, ...parts], head.length + length);
}

/** A size, which has no more than 16 bits there, and no zero. */
export function sized(columns: number, rows: number): Buffer {
  const [width, height] = [columns, rows].map((cells) => Math.min(Math.max(Math.trunc(cells) || 1, 1), 0xff_ff));
  return Buffer.from(`1:${width}:${height}:`);
}
