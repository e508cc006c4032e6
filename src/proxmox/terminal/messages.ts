/**
 * What a terminal's client says to termproxy (src/main.rs of pve-xtermjs): `0:LENGTH:BYTES` is typed, `1:COLUMNS:ROWS:`
 * is its size, `2` says that we are still there. The length is one of bytes.
 */

/** Above 64 KiB in one frame pveproxy says nothing any more, and hears nothing (PVE/APIServer/AnyEvent.pm). */
const MAX_TYPED_BYTES = 32 * 1024;

export const KEEP_ALIVE = Buffer.from('2');

/** What is typed, as messages that are not too large. */
export function* typed(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += MAX_TYPED_BYTES) {
    const part = bytes.subarray(at, at + MAX_TYPED_BYTES);
    yield Buffer.concat([Buffer.from(`0:${part.length}:`), part]);
  }
}

/** A size, which has no more than 16 bits there, and no zero. */
export function sized(columns: number, rows: number): Buffer {
  const [width, height] = [columns, rows].map((cells) => Math.min(Math.max(Math.trunc(cells) || 1, 1), 0xff_ff));
  return Buffer.from(`1:${width}:${height}:`);
}
