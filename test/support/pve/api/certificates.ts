/** What a Proxmox cluster makes for itself: a certificate authority, and a certificate for each node. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../run.ts';
import { scratchDirectory } from '../../scratch.ts';

export interface Certificate {
  certFile: string;
  cert: string;
  key: string;
  /** SHA-256 of the certificate, as Proxmox and openssl write it: `AA:BB:...`, 32 bytes. */
  fingerprint: string;
}

export interface Authority {
  caFile: string;
  /** Signs one for a node by its name, `localhost` and 127.0.0.1, as Proxmox does. */
  issue(node: string): Promise<Certificate>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'] as const;

export async function createAuthority(): Promise<Authority> {
  const directory = scratchDirectory();
  const caFile = join(directory, 'pve-root-ca.pem');
  const caKey = join(directory, 'pve-root-ca.key');
  const subject = '/CN=Proxmox Virtual Environment/OU=test/O=PVE Cluster Manager CA';
  await must(['openssl', 'req', '-x509', ...NEW_KEY, '-keyout', caKey, '-out', caFile, '-subj', subject]);
  let issued = 0;
  return {
    caFile,
    async issue(node) {
      issued += 1;
      const base = join(directory, `${issued}-${node}`);
      const [certFile, keyFile, configFile] = [`${base}.pem`, `${base}.key`, `${base}.cnf`];
      writeFileSync(configFile, requestConfig(node));
      const files = ['-keyout', keyFile, '-out', certFile];
      const signer = ['-CA', caFile, '-CAkey', caKey, '-config', configFile];
      await must(['openssl', 'req', '-x509', ...NEW_KEY, ...files, ...signer]);
      const cert = readFileSync(certFile, 'utf8');
      return { certFile, cert, key: readFileSync(keyFile, 'utf8'), fingerprint: fingerprintOf(cert) };
    },
  };
}

export function fingerprintOf(cert: string | Buffer): string {
  const hex = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex').toUpperCase();
  return (hex.match(/../g) ?? []).join(':');
}

function requestConfig(node: string): string {
  return [
    '[req]',
    'prompt = no',
    'distinguished_name = subject',
    'x509_extensions = extensions',
    '[subject]',
    'OU = PVE Cluster Node',
    'O = Proxmox Virtual Environment',
    `CN = ${node}.test`,
    '[extensions]',
    'basicConstraints = CA:FALSE',
    'extendedKeyUsage = serverAuth',
    `subjectAltName = IP:127.0.0.1, IP:::1, DNS:localhost, DNS:${node}, DNS:${node}.test`,
    '',
  ].join('\n');
}
