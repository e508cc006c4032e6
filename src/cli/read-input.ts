import type { Readable } from 'node:stream';

/** Why not all of an input was read. */
export type InputProblem = 'too long' | 'too late';

/**
 * Reads an input to its end, which must come in time. An input that fails counts as ended.
 *
 * @param maxBytes one byte more is a problem.
 * @param deadlineMs from now until its end.
 */
export async function readInput(
  source: Readable,
  { maxBytes, deadlineMs }: { maxBytes: number; deadlineMs: number },
): Promise<Buffer | InputProblem> {
  const chunks: Buffer[] = [];
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  const result = await new Promise<Buffer | InputProblem>((resolve) => {
    timer = setTimeout(() => resolve('too late'), deadlineMs);
    source.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxBytes) resolve('too long');
    });
    const end = (): void => resolve(Buffer.concat(chunks));
    source.on('end', end);
    source.on('close', end);
    source.on('error', end);
  });
  clearTimeout(timer);
  source.destroy();
  return result;
}
