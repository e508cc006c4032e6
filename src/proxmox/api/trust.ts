import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

import { LxcriError } from '../../model/errors.ts';

/** How a server proves who it is. */
export type Trust =
  /** By certificate authorities: those of the system, or the ones given in PEM form (`/etc/pve/pve-root-ca.pem`). */
  | { readonly kind: 'ca'; readonly ca?: string }
  /** By the SHA-256 fingerprint of its own certificate, as Proxmox VE shows it: 32 bytes in hex, with colons. */
  | { readonly kind: 'fingerprint'; readonly sha256: string };

/** Where a server is. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A server, and how it proves who it is: each node of a cluster has a certificate of its own. */
export interface Endpoint extends Address {
  readonly trust: Trust;
}

/**
 * Opens a connection to a server that has proved who it is; until then not a byte of a request is sent.
 *
 * @param timeoutMs for all of it.
 * @throws LxcriError PlatformUnreachable, with the fingerprint that was seen where that is what was wrong.
 */
export function connectTrusted({ host, port, trust }: Endpoint, timeoutMs: number): Promise<Duplex> {
  const options: ConnectionOptions = {
    host,
    port,
    ...(isAddress(host) ? {} : { servername: host }),
    // A pinned certificate is compared below; that it is signed by nobody we know does not matter.
    rejectUnauthorized: trust.kind === 'ca',
    ...(trust.kind === 'ca' && trust.ca !== undefined ? { ca: trust.ca } : {}),
    minVersion: 'TLSv1.2',
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    const fail = (error: LxcriError): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(unreachable({ host, port }, `no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        isCertificateError(error)
          ? untrusted({ host, port }, error.message)
          : unreachable({ host, port }, error.message),
      ),
    );
    socket.once('secureConnect', () => {
      const seen = socket.getPeerCertificate().fingerprint256;
      if (trust.kind === 'fingerprint' && !sameFingerprint(seen, trust.sha256)) {
        fail(wrongFingerprint({ host, port }, seen));
        return;
      }
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/**
 * The fingerprint of the certificate that a server shows, unverified: for a person to compare.
 *
 * @throws LxcriError PlatformUnreachable
 */
export async function seenFingerprint({ host, port }: Address, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ...(isAddress(host) ? {} : { servername: host }) });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(unreachable({ host, port }, error.message));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

/** Whether a text is a SHA-256 fingerprint, with or without colons. */
export function isFingerprint(text: string): boolean {
  return /^(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}$/i.test(text);
}

function sameFingerprint(one: string, other: string): boolean {
  const bare = (text: string): string => text.replaceAll(':', '').toUpperCase();
  return bare(one) === bare(other);
}

function isAddress(host: string): boolean {
  return /^[\d.]+$|:/.test(host);
}

/** The codes of OpenSSL and Node for certificates that do not prove anything. */
function isCertificateError({ code = '' }: NodeJS.ErrnoException): boolean {
  return /CERT|SIGNATURE|SELF_SIGNED|TLS_CERT/.test(code);
}

/** The error of a server that does not answer. */
export function unreachable({ host, port }: Address, why: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `${host}:${port} cannot be reached: ${why}`,
    'check the address, and that pveproxy runs there (systemctl status pveproxy)',
  );
}

function untrusted({ host, port }: Address, why: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `the certificate of ${host}:${port} is not trusted: ${why}`,
    'name the authority (on a node: /etc/pve/pve-root-ca.pem) with caFile, or pin the certificate with fingerprint',
  );
}

function wrongFingerprint({ host, port }: Address, seen: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `the certificate of ${host}:${port} is not the pinned one: its fingerprint is ${seen}`,
    'compare it on the node (pvenode cert info); if the certificate was renewed, log in again',
  );
}
