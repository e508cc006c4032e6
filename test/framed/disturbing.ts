/** A way to a terminal on which others write too, in pieces of any size. The same for the same seed, but for timing. */
import type { Passage } from './local-terminal.ts';

const NOISE = [
  'x',
  '\r\n',
  '\n',
  '\u001b[6n',
  '\u001b[H\u001b[J',
  '\u0007',
  '0',
  ' ',
  'Broadcast message from root@host (pts/0):\r\n',
  '[12345.678901] kernel: eth0: link up\r\n',
  '\u001b]0;title\u0007',
  'A'.repeat(500),
];

export interface Disturbing extends Passage {
  /** From now on others write. */
  begin(): void;
  readonly hasDisturbed: boolean;
}

/** One in four is only cut in pieces; the others get foreign bytes, or lose, repeat or change some. */
export function disturbing(seed: number): Disturbing {
  const random = generator(seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const kind = pick(4);
  const toUs = pick(2) === 0;
  let after = pick(kind === 0 ? 1 : 8000);
  let begun = false;
  let disturbed = false;
  const spoil = (chunk: Buffer): Buffer => {
    if (!begun || disturbed || kind === 0) return chunk;
    after -= chunk.length;
    if (after > 0) return chunk;
    disturbed = true;
    const at = pick(chunk.length);
    const [before, rest] = [chunk.subarray(0, at), chunk.subarray(at)];
    if (kind === 1) return Buffer.concat([before, Buffer.from(NOISE[pick(NOISE.length)] ?? ''), rest]);
    // A byte is lost, or is another one.
    if (kind === 2) return Buffer.concat([before, rest.subarray(1)]);
    return Buffer.concat([before, Buffer.from([(rest[0] ?? 0) ^ (1 << pick(7))]), rest.subarray(1)]);
  };
  const pieces = (chunk: Buffer): Buffer[] => {
    const made: Buffer[] = [];
    for (let rest = chunk; rest.length > 0; ) {
      const length = 1 + pick(pick(3) === 0 ? 3 : 2000);
      made.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    return made;
  };
  return {
    begin: () => (begun = true),
    get hasDisturbed() {
      return disturbed;
    },
    fromTerminal: (chunk) => pieces(toUs ? spoil(chunk) : chunk),
    toTerminal: (chunk) => pieces(toUs ? chunk : spoil(chunk)),
  };
}

/** mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
