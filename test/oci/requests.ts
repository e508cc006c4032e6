/** Requests to run something, for what takes them. */
import { newExecutionId } from '../../src/oci/new-result.ts';
import type { ExecRequest } from '../../src/model/request.ts';

export function requestOf(given: Partial<ExecRequest> = {}): ExecRequest {
  return {
    id: newExecutionId(),
    command: ['true'],
    env: new Map(),
    workdir: undefined,
    user: undefined,
    privileged: false,
    terminal: undefined,
    stdin: { kind: 'null' },
    stdout: { kind: 'pipe' },
    stderr: { kind: 'pipe' },
    needsTreeKill: false,
    ...given,
  };
}
