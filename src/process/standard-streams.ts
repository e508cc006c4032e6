/**
 * The standard streams of this process, whatever their descriptors are. Node knows files, character devices, pipes and
 * stream sockets; for every other kind `process.stdout` drops all that is written, and `process.stdin` is empty, without
 * an error (createWritableStdioStream() and getStdin() of Node's lib/internal/bootstrap/switches/is_main_thread.js).
 */
import { createReadStream, fstatSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';

import { descriptorOutput } from './descriptor-output.ts';
import { socketInput } from './socket-input.ts';

let input: Readable | undefined;
const outputs = new Map<number, Writable>();

/** Our standard input: `process.stdin`, or what reads a descriptor that Node does not know, such as a block device. */
export function standardInput(): Readable {
  const { stdin } = process;
  if (!standsFor(stdin, 0, Readable)) return stdin;
  const file = fstatSync(0);
  // To read a directory is an error, and not an empty input.
  return (input ??=
    file.isBlockDevice() || file.isDirectory() ? createReadStream('', { fd: 0, autoClose: false }) : socketInput(0));
}

/** Our standard output or error: Node's stream, or what writes to a descriptor that Node does not know. */
export function standardOutput(fd: 1 | 2): Writable {
  const stream = fd === 1 ? process.stdout : process.stderr;
  if (!standsFor(stream, fd, Writable)) return stream;
  const output = outputs.get(fd) ?? descriptorOutput(fd);
  outputs.set(fd, output);
  return output;
}

/**
 * Puts our standard output in the place of `process.stdout`, for foreign code that writes to that. For a program of our own
 * only: a library leaves it to who uses it.
 */
export function mendProcessStdout(): void {
  const value = standardOutput(1);
  if (value !== process.stdout)
    Object.defineProperty(process, 'stdout', { value, configurable: true, enumerable: true });
}

/** Whether this is Node's dummy: of no class of its own, with the descriptor written on it. */
function standsFor(stream: object & { fd?: number }, fd: number, plain: typeof Readable | typeof Writable): boolean {
  return Object.getPrototypeOf(stream) === plain.prototype && stream.fd === fd;
}
