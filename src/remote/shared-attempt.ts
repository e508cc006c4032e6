import { untilAborted } from '../process/until-aborted.ts';

/** Something that is being made and that several wait for. It is given up when none of them waits any more. */
export class SharedAttempt<Value> {
  readonly #abort = new AbortController();
  readonly #made: Promise<Value>;
  #waiting = 0;
  #state: 'pending' | 'made' | 'failed' = 'pending';

  constructor(make: (signal: AbortSignal) => Promise<Value>) {
    this.#made = make(this.#abort.signal);
    this.#made.then(
      () => (this.#state = 'made'),
      () => (this.#state = 'failed'),
    );
  }

  /** Whether nothing comes of it: it failed, or was given up. */
  get isVain(): boolean {
    return this.#state === 'failed' || this.#abort.signal.aborted;
  }

  /**
   * Waits for it, until the signal is aborted.
   *
   * @throws the signal's reason, or why it could not be made.
   */
  async wait(signal: AbortSignal | undefined): Promise<Value> {
    this.#waiting += 1;
    try {
      return await untilAborted(this.#made, signal);
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0 && this.#state === 'pending') this.#abort.abort(signal?.reason);
    }
  }
}
