import { closeSync, openSync, readSync } from 'node:fs';

/** More of a command line is not read: a process can make its own as long as its memory. */
const MAX_BYTES = 32_768;

/** The words a process was started with, or has put in their place. */
export interface CommandLine {
  /** Bytes that are not UTF-8 are U+FFFD. None for a zombie, and for a process that has cleared them. */
  readonly args: string[];
  /** There is more of it. */
  readonly truncated: boolean;
}

/** Reads the command line of a process; without words once it is gone. */
export function commandLineOf(pid: number): CommandLine {
  const bytes = firstBytes(`/proc/${pid}/cmdline`);
  const kept = bytes.subarray(0, MAX_BYTES).toString('utf8');
  // A program that shows a title of its own leaves NULs behind it, which are no empty words.
  const text = kept.replace(/\0+$/, '');
  return { args: text === '' ? [] : text.split('\0'), truncated: bytes.length > MAX_BYTES };
}

let buffer: Buffer | undefined;

/** The beginning of a file, valid until the next call. */
function firstBytes(file: string): Buffer {
  buffer ??= Buffer.allocUnsafe(MAX_BYTES + 1);
  let length = 0;
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    for (let read = 1; read > 0 && length < buffer.length; length += read)
      read = readSync(fd, buffer, length, buffer.length - length, null);
  } catch {
    // It has ended meanwhile; what was read of it is no use.
    return Buffer.alloc(0);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return buffer.subarray(0, length);
}
