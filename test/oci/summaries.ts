import type { ContainerSummary } from '../../src/model/status.ts';

/** A container as lists show it. */
export function summary(given: Partial<ContainerSummary> & { id: string }): ContainerSummary {
  return {
    reference: given.id,
    name: given.id,
    platform: 'lxc',
    type: 'lxc',
    context: null,
    tags: [],
    pool: null,
    node: null,
    status: 'stopped',
    pid: null,
    startedAt: null,
    lock: null,
    lxcpath: '/var/lib/lxc',
    ...given,
  };
}
