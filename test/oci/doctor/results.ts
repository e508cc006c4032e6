import type { ExecResult } from '../../../src/model/result.ts';
import { newResult } from '../../../src/oci/new-result.ts';

/** A result of `exec` in which nothing is wrong, but for what is given. */
export function resultWith(given: Partial<ExecResult> = {}): ExecResult {
  return {
    ...newResult('00000000-0000-4000-8000-000000000000', ['true'], new Date(0)),
    container: { id: 'web', name: 'web', platform: 'lxc' },
    method: 'lxc-attach',
    exitCode: 0,
    started: true,
    attempts: [{ method: 'lxc-attach', outcome: 'used' }],
    ...given,
  };
}
