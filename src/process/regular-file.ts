import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * Reads a part of a file that others may have put there. What is no regular file is not read: a pipe would keep us
 * waiting, and a device has no end.
 *
 * @param maxBytes how much is read at most.
 * @param position where to begin, in bytes.
 * @returns `undefined` where no regular file is there, or it cannot be read.
 */
export function readRegularFile(path: string, maxBytes: number, position = 0): string | undefined {
  let fd: number | undefined;
  try {
    // Without O_NONBLOCK the opening of a named pipe waits already.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return undefined;
    const buffer = Buffer.alloc(Math.max(0, Math.min(maxBytes, stats.size - position)));
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, position));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
