import { statSync } from 'node:fs';
import type { Stats } from 'node:fs';

import { LxcriError } from '../model/errors.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { VsockAddress } from '../model/vsock.ts';
import { addressText } from './address.ts';

/**
 * An agent that cannot be spoken to, before anything was started.
 * `passing`: a guest that is still starting is like that.
 */
export class UnreachableAgent extends LxcriError {
  readonly passing: boolean;

  constructor(code: ErrorCode, message: string, hint: string, passing: boolean) {
    super(code, message, hint);
    this.passing = passing;
  }
}

/** How messages name the guest. */
export function guestName(address: VsockAddress): string {
  return `vsock:${addressText(address)}`;
}

const START_AGENT = 'start the agent in the guest; one that is still starting is awaited with --wait-for-agent 30s';

/** Nobody listens on the port in the guest. */
export function noAgent(address: VsockAddress, detail: string): UnreachableAgent {
  return new UnreachableAgent(
    'PlatformUnreachable',
    `no agent listens on port ${address.port} of the guest ${guestName(address)}: ${detail}`,
    START_AGENT,
    true,
  );
}

/** Somebody listens, and does not speak as an agent does. */
export function silentAgent(address: VsockAddress, detail: string): UnreachableAgent {
  return new UnreachableAgent(
    'PlatformUnreachable',
    `the agent of ${guestName(address)} does not answer: ${detail}`,
    START_AGENT,
    true,
  );
}

/** Its VMM accepts a connection, and says neither that it is there nor that nobody listens: the guest decides that. */
export function silentGuest(address: VsockAddress, waitedMs: number): UnreachableAgent {
  return new UnreachableAgent(
    'PlatformUnreachable',
    `the guest ${guestName(address)} does not answer: nothing was heard of it in ${waitedMs} ms`,
    'resume the microVM if it is paused; one that is still starting is awaited with --wait-for-agent 30s',
    true,
  );
}

const CHECK_PATH =
  'check the path: it is the "socket" of --vsock (Cloud Hypervisor), or the "uds_path" of the vsock device (Firecracker)';

/** The Unix socket of a guest cannot be connected to. */
export function noSocket(
  address: VsockAddress & { kind: 'hybrid' },
  { code, message }: NodeJS.ErrnoException,
): LxcriError {
  const name = guestName(address);
  switch (code) {
    case 'ENOENT':
      return new UnreachableAgent('ContainerNotFound', `there is no socket for ${name}`, CHECK_PATH, true);
    case 'ENOTDIR':
      return neverSocket(name, 'a part of its path is no directory');
    case 'ECONNREFUSED': {
      // The kernel refuses so whatever is no socket, too.
      const other = otherThanSocket(address.path);
      if (other !== undefined) return neverSocket(name, `its path is that of ${other}`);
      return new UnreachableAgent(
        'ContainerNotRunning',
        `the microVM of ${name} does not run: nobody listens on its socket`,
        'start it with what it is managed by',
        true,
      );
    }
    case 'EACCES':
    case 'EPERM':
      return new LxcriError(
        'PermissionDenied',
        `the socket of ${name} may not be used by this user`,
        'run this as root, or as the user that the VMM runs as',
      );
    default:
      return new UnreachableAgent(
        'PlatformUnreachable',
        `the socket of ${name} cannot be connected to: ${message}`,
        'check that it is the vsock socket of a VMM',
        code === 'EAGAIN',
      );
  }
}

/** A VMM makes its socket where nothing is: to wait for it is no use. */
function neverSocket(name: string, reason: string): UnreachableAgent {
  return new UnreachableAgent('ContainerNotFound', `there is no socket for ${name}: ${reason}`, CHECK_PATH, false);
}

/** What a path leads to, where that is something, and no socket. */
function otherThanSocket(path: string): string | undefined {
  let found: Stats;
  try {
    found = statSync(path);
  } catch {
    return undefined;
  }
  if (found.isSocket()) return undefined;
  if (found.isDirectory()) return 'a directory';
  return found.isFile() ? 'a plain file' : 'a device or a pipe';
}
