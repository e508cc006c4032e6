import { Command, Errors, Flags } from '@oclif/core';

import { exitCodeOfSignal } from '../model/exit-codes.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { ErrorInfo } from '../model/errors.ts';
import { internalError } from '../model/internal-error.ts';
import { SCHEMA_VERSION } from '../model/result.ts';
import { asHostFailure } from '../oci/host-failure.ts';
import { closeInheritedDescriptors } from '../process/descriptors.ts';
import { nearest } from '../values/nearest.ts';
import { Interruption } from './interruption.ts';
import { sayError } from './messages.ts';
import { printDocument, printText } from './print-document.ts';

/** What a verb has found out or done, in both forms. */
export interface Outcome {
  /** Printed with `--json`, between `schemaVersion` and `error`. */
  readonly document: object;
  /** The form for people, with its final newline; empty for nothing. It is asked for only without `--json`. */
  readonly text: () => string;
  /** Default 0. */
  readonly exitCode?: number;
  /** What is wrong, where there is a document nevertheless; the exit code is then its own. */
  readonly error?: LxcriError | undefined;
}

/** What a verb prints by itself, because it is not ours but a command's. */
export interface OwnOutput {
  /** @returns the exit code. */
  print(json: boolean): Promise<number>;
}

/**
 * What every verb but `exec` has in common: `--json`, one shape of documents and errors, and the exit codes.
 * A document is `{"schemaVersion":1, ..., "error":null}`, or `{"schemaVersion":1,"error":{...}}` after a failure.
 */
export abstract class Verb extends Command {
  static override baseFlags = { json: Flags.boolean({ summary: 'print one JSON document on standard output' }) };

  /** Does what the verb is for. */
  protected abstract perform(): Promise<Outcome | OwnOutput>;

  /** @returns the exit code. */
  override async run(): Promise<number> {
    // Known before the words are understood, so that a mistake in them is reported in the form that was asked for.
    const json = this.argv.includes('--json');
    // oclif throws what cannot be written from where nobody can catch it; here those who write report it.
    process.stdout.removeAllListeners('error');
    try {
      // A lock of a cron job, or a folder of this host, does not belong into a container that is started.
      closeInheritedDescriptors();
      const outcome = await this.perform();
      if ('print' in outcome) return await outcome.print(json);
      const { document, text, error, exitCode = error?.exitCode ?? 0 } = outcome;
      if (json) return await printDocument(complete(document, error?.toInfo() ?? null), exitCode);
      const printed = await printText(text(), exitCode);
      if (error !== undefined) sayError(error.toInfo());
      return printed;
    } catch (thrown) {
      if (thrown instanceof Interruption) {
        const exitCode = exitCodeOfSignal(thrown.signal);
        // Whoever sent the signal knows; but who reads a document waits for one.
        return json ? await printDocument(complete({}, interrupted(thrown).toInfo()), exitCode) : exitCode;
      }
      // A verb without flags of its own has no table of them.
      const error = ownError(thrown, (this.id ?? '').replaceAll(':', ' '), Object.keys({ ...this.ctor.flags }));
      if (json) return printDocument(complete({}, error.toInfo()), error.exitCode);
      sayError(error.toInfo());
      return error.exitCode;
    }
  }
}

function interrupted({ signal }: Interruption): LxcriError {
  return new LxcriError('OperationFailed', `${signal} ended this`, 'what was asked for before may still happen');
}

function complete(document: object, error: ErrorInfo | null): object {
  return { schemaVersion: SCHEMA_VERSION, ...document, error };
}

/**
 * An error in our own form; oclif's are about the words of the call, and what nobody foresaw is a mistake of ours.
 *
 * @param flags names of the verb's own, to find the one that was meant.
 */
export function ownError(thrown: unknown, verb: string, flags: readonly string[] = []): LxcriError {
  const error = asHostFailure(thrown);
  if (isLxcriError(error)) return error;
  if (error instanceof Errors.CLIError && !(error instanceof Errors.ExitError)) {
    const message = error.message.split('\n')[0] ?? '';
    const [, typed = ''] = /^Nonexistent flag: --(\S+)$/.exec(message) ?? [];
    const meant = nearest(typed, flags);
    const hint =
      meant === undefined ? `see: proxmox-lxcri ${verb === '' ? '' : `${verb} `}--help` : `did you mean --${meant}?`;
    return new LxcriError('UsageError', lowerFirst(message), hint);
  }
  if (error instanceof Errors.ExitError) throw error;
  return internalError(error);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
