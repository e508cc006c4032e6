/** What a cluster makes for itself: an authority, a certificate for the server, and one for each user who has no token. */
import { join } from 'node:path';
import { must } from '../run.ts';

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

export interface ClusterAuthority {
  readonly caFile: string;
  /** For 127.0.0.1 and localhost. */
  forServer(): Promise<CertificateFiles>;
  /** @param name who the holder is: the common name. */
  forUser(name: string): Promise<CertificateFiles>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'] as const;

/** @param directory where all the files are put. */
export async function createClusterAuthority(directory: string): Promise<ClusterAuthority> {
  const caFile = join(directory, 'ca.crt');
  const caKey = join(directory, 'ca.key');
  await must(['openssl', 'req', '-x509', ...NEW_KEY, '-keyout', caKey, '-out', caFile, '-subj', '/CN=kubernetes']);
  const issue = async (file: string, subject: string, extensions: string[]): Promise<CertificateFiles> => {
    const [certFile, keyFile] = [join(directory, `${file}.crt`), join(directory, `${file}.key`)];
    const more = extensions.flatMap((extension) => ['-addext', extension]);
    const files = ['-CA', caFile, '-CAkey', caKey, '-keyout', keyFile, '-out', certFile];
    await must(['openssl', 'req', '-x509', ...NEW_KEY, ...files, '-subj', subject, ...more]);
    return { certFile, keyFile };
  };
  let users = 0;
  return {
    caFile,
    forServer: () =>
      issue('server', '/CN=kube-apiserver', [
        'basicConstraints=critical,CA:FALSE',
        'extendedKeyUsage=serverAuth',
        'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc',
      ]),
    forUser: (name) => {
      users += 1;
      return issue(`user-${users}`, `/CN=${name}`, [
        'basicConstraints=critical,CA:FALSE',
        'extendedKeyUsage=clientAuth',
      ]);
    },
  };
}
