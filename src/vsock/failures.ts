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

/** The Unix socket of a guest cannot be connected to. */
export function noSocket(address: VsockAddress, { code, message }: NodeJS.ErrnoException): LxcriError {
  const name = guestName(address);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new UnreachableAgent(
        'ContainerNotFound',
        `there is no socket for ${name}`,
        'check the path: it is the "socket" of --vsock (Cloud Hypervisor), or the "uds_path" of the vsock device (Firecracker)',
        true,
      );
    case 'ECONNREFUSED':
      return new UnreachableAgent(
        'ContainerNotRunning',
        `the microVM of ${name} does not run: nobody listens on its socket`,
        'start it with what it is managed by',
        true,
      );
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
