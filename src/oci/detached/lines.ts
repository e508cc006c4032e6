import type { Readable } from 'node:stream';

/**
 * Calls back for each complete line. What follows the last newline is not a line: its writer was interrupted.
 *
 * @param maxBytes a line longer than this ends the stream.
 * @returns resolves when the stream is closed; never rejects.
 */
export function eachLine(stream: Readable, maxBytes: number, onLine: (line: string) => void): Promise<void> {
  let pending = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let end = pending.indexOf('\n'); end !== -1; end = pending.indexOf('\n')) {
      const line = pending.toString('utf8', 0, end);
      pending = pending.subarray(end + 1);
      onLine(line);
    }
    if (pending.length > maxBytes) stream.destroy();
  });
  stream.on('error', () => {});
  return new Promise((resolve) => stream.on('close', () => resolve()));
}
