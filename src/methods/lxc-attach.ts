import type { Container } from '../model/container.ts';
import type { ExecRequest } from '../model/request.ts';
import type { Session } from '../model/session.ts';
import { findExecutable } from '../process/executable.ts';
import { startByLxcAttach } from './attach/by-lxc-attach.ts';
import { thereIs, whereToRun } from './attach/place.ts';
import type { Availability, Method } from './method.ts';
import { shellCarries } from './shell-variables.ts';

/** Runs commands with LXC's own `lxc-attach`, on this host or another Proxmox node. */
export const lxcAttach: Method = {
  name: 'lxc-attach',
  asksNode: true,

  check(container: Container, request: ExecRequest): Availability {
    if (container.api?.type === 'qemu') return { ok: false, reason: 'it is a virtual machine (QEMU), not a container' };
    const carries = shellCarries(request);
    if (!carries.ok) return carries;
    if (container.remote !== undefined) return thereIs('lxc-attach', container);
    if (container.lxc === undefined) return { ok: false, reason: 'the container is not on this host' };
    if (findExecutable('lxc-attach') === undefined) return { ok: false, reason: 'lxc-attach is not installed' };
    return { ok: true };
  },

  start(container: Container, request: ExecRequest, abort: AbortSignal): Promise<Session> {
    return startByLxcAttach(whereToRun('lxc-attach', container), container, request, abort);
  },
};
