import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** No message of ours is longer; what comes from the container is not trusted to end. */
const MAX_BYTES = 16_384;

/**
 * Reads lines that a script in the container sends.
 *
 * @param onLine is called for each complete line.
 * @returns a promise that resolves once the channel has ended, or the container sends more than any script of ours does.
 */
export function readMessages(channel: Readable, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let total = 0;
    let rest = '';
    const decoder = new StringDecoder('utf8');
    channel.on('data', (chunk: Buffer) => {
      total += chunk.length;
      if (total > MAX_BYTES) {
        // No script of ours: the reader of the messages will not understand this one.
        onLine('');
        channel.destroy();
        return;
      }
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(onLine);
    });
    channel.on('error', () => {});
    channel.on('close', resolve);
    channel.on('end', resolve);
  });
}
