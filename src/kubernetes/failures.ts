import { LxcriError } from '../model/errors.ts';
import type { ClusterAnswer } from '../model/pod.ts';
import { wordsOf } from './status.ts';

/** The codes of OpenSSL and Node for certificates that do not prove anything. */
const DISTRUST = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS_CERT_ALTNAME/;

/** The error of a server that cannot be talked to. */
export function unreachable(server: string, error: NodeJS.ErrnoException): LxcriError {
  const { code = '' } = error;
  // One attempt for each address of a name.
  const message =
    error instanceof AggregateError
      ? [...new Set(error.errors.map((each: Error) => each.message))].join('; ')
      : error.message;
  if (/ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE|ACCESS_DENIED)|ALERT_.*CERTIFICATE/.test(code))
    return new LxcriError(
      'AuthenticationFailed',
      `the Kubernetes API server at ${server} does not accept our client certificate`,
      'renew it, and see: kubectl config view',
    );
  if (DISTRUST.test(code))
    return new LxcriError(
      'PlatformUnreachable',
      `the certificate of the Kubernetes API server at ${server} is not trusted: ${message.split('; if the root CA', 1)[0] ?? ''}`,
      "put the cluster's certificate authority into certificate-authority-data of the kubeconfig, or its name into tls-server-name",
    );
  return new LxcriError(
    'PlatformUnreachable',
    `the Kubernetes API server at ${server} cannot be reached: ${message}`,
    'check the address in the kubeconfig: kubectl config view',
  );
}

/**
 * The error of a server that refuses what it was asked.
 *
 * @param what was asked for, as "list the pods of the namespace web".
 */
export function refused(answer: ClusterAnswer, server: string, what: string): LxcriError {
  const words = wordsOf(answer);
  switch (answer.status) {
    case 401:
      return new LxcriError(
        'AuthenticationFailed',
        `the Kubernetes API server at ${server} does not know who we are: ${words}`,
        'renew the credentials of the kubeconfig, and see: kubectl auth whoami',
      );
    case 403:
      return new LxcriError(
        'PermissionDenied',
        `we may not ${what}: ${words}`,
        'ask who runs the cluster for a role that may',
      );
    default:
      return new LxcriError('OperationFailed', `the Kubernetes API server at ${server} could not ${what}: ${words}`);
  }
}

/** The error of a server that answers, but not as the API does. */
export function noKubernetes(server: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `what answers at ${server} is no Kubernetes API`,
    'check the address in the kubeconfig: kubectl config view',
  );
}
