import { closeSync, constants, fsyncSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { FILES } from './store.ts';

/** Room for a result; errors and reasons of many methods fit. */
const RESERVED_BYTES = 16 * 1024;

const TEMPORARY = `${FILES.result}.new`;
const RETRY_MS = 500;
const RETRIES = 60;

/**
 * The result in an execution's folder: it appears with all its content or not at all, and disk space is set aside for it
 * beforehand, so that a command that has filled the disk still gets its result.
 */
export class ResultFile {
  readonly #fd: number;

  constructor(folder: string) {
    this.#fd = openSync(join(folder, TEMPORARY), 'wx', 0o600);
    // Not zeros: some file systems store these as holes.
    writeSync(this.#fd, Buffer.alloc(RESERVED_BYTES, '.'));
  }

  /**
   * Writes the content and gives the file its name; both outlive a loss of power.
   *
   * @param folder where the folder is by now.
   */
  async publish(folder: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    for (let tries = 0; ; tries++) {
      try {
        this.#write(bytes);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' || tries === RETRIES) throw error;
        // Where a file system does not overwrite in place, what was set aside is of use only once it is given back.
        ftruncateSync(this.#fd);
        // oxlint-disable-next-line no-await-in-loop
        await sleep(RETRY_MS);
      }
    }
    closeSync(this.#fd);
    renameSync(join(folder, TEMPORARY), join(folder, FILES.result));
    syncDirectory(folder);
  }

  #write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, at);
    ftruncateSync(this.#fd, bytes.length);
    fsyncSync(this.#fd);
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
