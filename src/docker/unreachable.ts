import { LxcriError } from '../model/errors.ts';
import { endpointName } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';

/** The error of an engine that cannot be connected to. */
export function unreachable(endpoint: Endpoint, { code, message }: NodeJS.ErrnoException): LxcriError {
  const name = endpointName(endpoint);
  if (code === 'EACCES' || code === 'EPERM') {
    return new LxcriError(
      'PermissionDenied',
      `the Docker engine at ${name} may not be used by this user`,
      'run this as root, or as a member of the group that owns the socket',
    );
  }
  return new LxcriError(
    'PlatformUnreachable',
    `the Docker engine at ${name} cannot be reached: ${message}`,
    endpoint.kind === 'unix'
      ? 'start it (systemctl start docker), or say where it is with DOCKER_HOST'
      : 'check DOCKER_HOST or the context of Docker, and the certificates',
  );
}
