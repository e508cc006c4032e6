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
  if (/wrong version number|packet length too long|http request/i.test(message)) {
    return new LxcriError(
      'PlatformUnreachable',
      `what listens at ${name} does not speak TLS`,
      'use the port of the engine that does, or unset DOCKER_TLS_VERIFY where its network is trusted',
    );
  }
  // OpenSSL's own (ERR_error_string(3)): error:CODE:LIBRARY:FUNCTION:REASON, and a place in its source.
  const reason = /^[^:]*:?error:[^:]*:[^:]*:[^:]*:([^:]+)/.exec(message)?.[1]?.trim();
  return new LxcriError(
    'PlatformUnreachable',
    `the Docker engine at ${name} cannot be reached: ${reason ?? message}`,
    endpoint.kind === 'unix'
      ? 'start it (systemctl start docker), or say where it is with DOCKER_HOST'
      : 'check DOCKER_HOST or the context of Docker, and the certificates',
  );
}
