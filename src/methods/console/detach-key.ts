const CTRL_A = 0x01;
const Q = 0x71;

/**
 * Looks for Ctrl-a q in what is typed, as `pct console` does. Ctrl-a twice types one Ctrl-a; before any other key it is
 * typed with that key, so that what it means to a shell is lost only before a q.
 */
export class DetachKey {
  #held = false;

  /** @returns what is to be typed, and whether the key was pressed after it: what follows is for nobody. */
  read(chunk: Buffer): { readonly typed: Buffer; readonly detached: boolean } {
    const typed: number[] = [];
    for (const byte of chunk) {
      const wasHeld = this.#held;
      this.#held = byte === CTRL_A && !wasHeld;
      if (wasHeld && byte === Q) return { typed: Buffer.from(typed), detached: true };
      if (wasHeld && byte !== CTRL_A) typed.push(CTRL_A);
      if (!this.#held) typed.push(byte);
    }
    return { typed: Buffer.from(typed), detached: false };
  }
}
