import { createReadStream, existsSync, statSync } from 'node:fs';

import { EXIT, exitCodeOfSignal } from '../model/exit-codes.ts';
import { standardOutput } from '../process/standard-streams.ts';
import { writeJson } from './json.ts';
import { say } from './messages.ts';

/**
 * Prints a document of ours as JSON on standard output; one that cannot be printed is never a success.
 *
 * @param exitCode what the program is about to exit with.
 * @param rest what holds nevertheless, for the message.
 * @returns the exit code, changed only where a success would hide that the document was lost.
 */
export async function printDocument(document: object, exitCode: number, rest?: string): Promise<number> {
  return judge(await writeDocument(document), exitCode, rest);
}

/** Writes a document on standard output; returns why it could not be written, or `undefined`. */
export async function writeDocument(document: object): Promise<Error | undefined> {
  return closedOutput() ?? (await writeJson(standardOutput(1), document));
}

/** Prints text on standard output, in the same way. */
export async function printText(text: string, exitCode: number, rest?: string): Promise<number> {
  if (text === '') return exitCode;
  const stdout = standardOutput(1);
  const failure =
    closedOutput() ??
    (await new Promise<Error | undefined>((resolve) => {
      stdout.on('error', resolve);
      stdout.write(text, (error) => resolve(error ?? undefined));
    }));
  return judge(failure, exitCode, rest);
}

/**
 * Writes a file's bytes, if there is such a file, on standard output or standard error; returns why they could not be
 * written, or `undefined`.
 */
export async function writeFileTo(fd: 1 | 2, path: string): Promise<Error | undefined> {
  if (!existsSync(path)) return undefined;
  let failure = fd === 1 && statSync(path).size > 0 ? closedOutput() : undefined;
  if (failure !== undefined) return failure;
  const target = standardOutput(fd);
  target.on('error', (error) => (failure ??= error));
  for await (const chunk of createReadStream(path)) {
    failure ??= await new Promise<Error | undefined>((resolve) =>
      target.write(chunk, (error) => resolve(error ?? undefined)),
    );
    if (failure !== undefined) break;
  }
  return failure;
}

/** Node opens /dev/null where there was nothing; the launcher has seen it. */
export function closedOutput(): Error | undefined {
  return process.env['PROXMOX_LXCRI_STDOUT_CLOSED'] === undefined ? undefined : new Error('standard output is closed');
}

/** The exit code after an attempt to write; says what was lost, unless its reader has gone. */
export function judge(failure: Error | undefined, exitCode: number, rest?: string): number {
  if (failure === undefined) return exitCode;
  // A reader that has seen enough is told nothing, as any program does that gets SIGPIPE.
  if ((failure as NodeJS.ErrnoException).code === 'EPIPE')
    return exitCode === 0 ? exitCodeOfSignal('SIGPIPE') : exitCode;
  say(
    `ConnectionLost: the result could not be written (${failure.message}); ${rest ?? 'see where standard output goes'}`,
  );
  return exitCode === 0 ? EXIT.connectionLost : exitCode;
}
