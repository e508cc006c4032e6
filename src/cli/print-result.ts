import { execResultOf } from '../oci/detached/result.ts';
import type { EndedExecution } from '../oci/detached/result.ts';
import { FILES } from '../oci/detached/store.ts';
import type { ExecutionStore } from '../oci/detached/store.ts';
import { say, sayError } from './messages.ts';
import { judge, writeDocument, writeFileTo } from './print-document.ts';

/** What became of printing a result. */
export interface Printed {
  readonly exitCode: number;
  /** Whether all of it has arrived. */
  readonly complete: boolean;
}

/**
 * Prints the result of a detached execution as `exec` would have: its output byte for byte, or the structured result.
 *
 * @param maxOutputBytes of each stream in the structured result.
 */
export async function printResult(
  store: ExecutionStore,
  execution: EndedExecution,
  json: boolean,
  maxOutputBytes: number,
): Promise<Printed> {
  const { id, result } = execution;
  const failure = json
    ? await writeDocument(execResultOf(store, execution, maxOutputBytes))
    : ((await writeFileTo(1, store.path(id, FILES.stdout))) ?? (await writeFileTo(2, store.path(id, FILES.stderr))));
  if (!json) {
    const { cut, outputError, error } = result;
    if (cut.stdout || cut.stderr)
      say(
        `the output is not complete: ${outputError === null ? 'more came than --max-output' : `it could not be kept (${outputError})`}`,
      );
    if (error !== null) sayError(error);
  }
  return {
    exitCode: judge(failure, result.exitCode, `the command's exit code is ${result.exitCode}`),
    complete: failure === undefined,
  };
}
