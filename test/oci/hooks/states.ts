/** States as runtimes write them. */
import type { OciState } from '../../../src/oci/hooks/state.ts';

/** What runc 1.1 writes to a createRuntime hook, with other values. */
export const STATE = {
  ociVersion: '1.0.2-dev',
  id: 'web',
  status: 'creating',
  pid: 4242,
  bundle: '/run/bundles/web',
  annotations: { 'org.example.proxy': 'lxc:proxy' },
};

export function stateText(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...STATE, ...changes });
}

export function stateOf(changes: Partial<OciState> = {}): OciState {
  return { id: 'web', status: 'running', pid: 4242, annotations: new Map(), ...changes };
}
