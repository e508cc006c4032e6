import { close, fsync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Keeps a stream of a command in a file, up to a limit. What cannot be kept (the limit is reached, the disk is full) is
 * dropped: the command is to run to its end.
 */
export class OutputFile {
  readonly #fd: number;
  #room: number;
  #truncated = false;
  #failure: string | null = null;

  /**
   * @param path a file that is not there yet.
   * @param limit in bytes.
   */
  constructor(path: string, limit: number) {
    this.#fd = openSync(path, 'wx', 0o600);
    this.#room = limit;
  }

  /** Whether something was dropped. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** The kernel's code for why the file could not be written, such as ENOSPC. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Takes a chunk; a promise means "wait before the next one". It never rejects. */
  write(chunk: Buffer): Promise<void> | undefined {
    const kept = chunk.subarray(0, this.#room);
    if (kept.length < chunk.length) this.#truncated = true;
    this.#room -= kept.length;
    return kept.length === 0 ? undefined : this.#append(kept);
  }

  /** Sees to it that what was written outlives a loss of power. */
  async close(): Promise<void> {
    await promisify(fsync)(this.#fd).catch((error: unknown) => this.#fail(error));
    await promisify(close)(this.#fd).catch((error: unknown) => this.#fail(error));
  }

  async #append(bytes: Buffer): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        // oxlint-disable-next-line no-await-in-loop -- the kernel may take a part only, and says why with the next one
        at += (await promisify(write)(this.#fd, bytes, at, bytes.length - at, null)).bytesWritten;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= (error as NodeJS.ErrnoException).code ?? String(error);
    this.#truncated = true;
    this.#room = 0;
  }
}
