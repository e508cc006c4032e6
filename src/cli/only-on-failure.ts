import { Writable } from 'node:stream';

import type { ExecResult } from '../model/result.ts';
import type { ExecOptions } from '../oci/execution.ts';
import { KeptOutput } from '../oci/kept-output.ts';
import { standardOutput } from '../process/standard-streams.ts';
import { say } from './messages.ts';
import { formatDuration } from './values/duration.ts';

/** What becomes of the output of a command that is to be heard of only when it fails. */
export interface FailureOnly {
  /** Where the command's output goes meanwhile. */
  readonly outputs: Pick<ExecOptions, 'stdout' | 'stderr'>;
  /**
   * After a failure: says on standard error what failed, and then writes the output to the streams it was meant for.
   *
   * @returns the exit code, unchanged.
   */
  report(container: string, result: ExecResult): Promise<number>;
}

/**
 * Keeps a command's output until it is known whether it is wanted.
 *
 * @param limit for each stream, in bytes.
 */
export function onlyOnFailure(limit: number): FailureOnly {
  const stdout = new KeptOutput(limit);
  const stderr = new KeptOutput(limit);
  return {
    outputs: {
      stdout: { fd: 1, held: true, stream: () => streamInto(stdout) },
      stderr: { fd: 2, held: true, stream: () => streamInto(stderr) },
    },
    async report(container, result) {
      if (result.exitCode !== 0) {
        say(failureLine(container, result) + lossOf('stdout', stdout) + lossOf('stderr', stderr));
        await writeAll(standardOutput(1), stdout.pieces());
        await writeAll(standardOutput(2), stderr.pieces());
      }
      stdout.close();
      stderr.close();
      return result.exitCode;
    },
  };
}

function streamInto(kept: KeptOutput): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      kept.write(chunk);
      done();
    },
  });
}

/** One line: the error's code, container and command, what happened, how long it took, and what to do next. */
function failureLine(container: string, result: ExecResult): string {
  const { command, exitCode, error, canceled, durationMs, outputIncomplete } = result;
  const code = error === null ? '' : `${error.code}: `;
  const reason = error === null ? (canceled ? 'ended by a signal, ' : '') : `${error.message}, `;
  const hint = error?.hint === undefined ? '' : `; ${error.hint}`;
  const held = outputIncomplete ? '; a process that it left running held its output' : '';
  return `${code}${container}: ${command[0] ?? ''}: ${reason}exit code ${exitCode} after ${formatDuration(durationMs)}${hint}${held}`;
}

function lossOf(name: string, { lost: { bytes, failure } }: KeptOutput): string {
  if (bytes === 0) return '';
  return failure === undefined
    ? `; ${bytes} bytes from the middle of its ${name} are left out (--max-output)`
    : `; ${bytes} bytes of its ${name} could not be kept (${failure.message})`;
}

/** Who does not want to read it any more misses nothing but the output. */
async function writeAll(target: Writable, pieces: Iterable<Buffer>): Promise<void> {
  target.on('error', () => {});
  for (const piece of pieces) {
    // oxlint-disable-next-line no-await-in-loop -- the next piece waits for this one
    const written = await new Promise<boolean>((resolve) => target.write(piece, (error) => resolve(!error)));
    if (!written) return;
  }
}
