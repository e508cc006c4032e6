import { isIP } from 'node:net';
import { connect, getCACertificates } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

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
export async function connectTrusted(endpoint: Endpoint, timeoutMs: number): Promise<TLSSocket> {
  const { trust } = endpoint;
  const deadline = performance.now() + timeoutMs;
  try {
    // A pinned certificate is compared below; that it is signed by nobody we know does not matter.
    if (trust.kind === 'fingerprint') return comparePin(endpoint, trust.sha256, await shakeHands(endpoint, timeoutMs));
    return await shakeHands(endpoint, timeoutMs, trust.ca === undefined ? {} : { ca: trust.ca });
  } catch (error) {
    if (trust.kind === 'fingerprint' || trust.ca !== undefined || !isDistrust(error)) throw error;
  }
  // To read the system's authorities takes longer than all else, so those that Node brings along are tried alone first.
  const ca = [...getCACertificates('default'), ...getCACertificates('system')];
  return shakeHands(endpoint, Math.max(1, deadline - performance.now()), { ca });
}

/**
 * The fingerprint of the certificate that a server shows, unverified: for a person to compare.
 *
 * @param timeoutMs for all of it.
 * @throws LxcriError PlatformUnreachable
 */
export async function seenFingerprint(address: Address, timeoutMs: number): Promise<string> {
  const socket = await shakeHands(address, timeoutMs);
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/**
 * @param authorities absent: any certificate will do.
 * @throws LxcriError PlatformUnreachable
 */
function shakeHands({ host, port }: Address, timeoutMs: number, authorities?: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: authorities !== undefined,
      ...authorities,
      minVersion: 'TLSv1.2',
    });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(unreachable({ host, port }, `no answer within ${Math.round(timeoutMs)} ms`));
    }, timeoutMs);
    // It stays: the connection may fail before somebody else listens.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const address = { host, port };
      reject(isCertificateError(error) ? notVouchedFor(address, error.message) : unreachable(address, whyOf(error)));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

function comparePin(address: Address, pin: string, socket: TLSSocket): TLSSocket {
  const seen = socket.getPeerCertificate().fingerprint256;
  if (sameFingerprint(seen, pin)) return socket;
  socket.destroy();
  throw new Distrust(
    `the certificate of ${shownAddress(address)} is not the pinned one: its fingerprint is ${seen}`,
    'compare it with what pvenode cert info says on the node; if the certificate was renewed, log in again',
  );
}

/** Whether two are the same, however they are written. */
function sameFingerprint(one: string, other: string): boolean {
  const bare = (text: string): string => text.replaceAll(':', '').toUpperCase();
  return bare(one) === bare(other);
}

/** The codes of OpenSSL and Node for certificates that do not prove anything. */
function isCertificateError({ code = '' }: NodeJS.ErrnoException): boolean {
  return /CERT|SIGNATURE|SELF_SIGNED/.test(code);
}

/** The error of a certificate that does not prove who the server is. */
class Distrust extends LxcriError {
  constructor(message: string, hint: string) {
    super('PlatformUnreachable', message, hint);
  }
}

function notVouchedFor(address: Address, why: string): Distrust {
  return new Distrust(
    // Node adds advice about options of its own.
    `the certificate of ${shownAddress(address)} is not trusted: ${why.split('; if the root CA', 1)[0]}`,
    'name its authority (on a node: /etc/pve/pve-root-ca.pem) or pin the certificate by its fingerprint: proxmox-lxcri login',
  );
}

/** Whether a connection failed because the certificate does not prove who the server is. */
export function isDistrust(error: unknown): boolean {
  return error instanceof Distrust;
}

/** The error of a server that does not answer. */
export function unreachable(address: Address, why: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `${shownAddress(address)} cannot be reached: ${why}`,
    'check the address, and that pveproxy runs there (systemctl status pveproxy)',
  );
}

/** As it is written in URLs. */
export function shownAddress({ host, port }: Address): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

/** What an error of a connection says, in few words. */
export function whyOf(error: NodeJS.ErrnoException): string {
  // One attempt for each address of a name.
  if (error instanceof AggregateError) return [...new Set(error.errors.map((each: Error) => each.message))].join('; ');
  // OpenSSL's own words hold addresses of memory and lines of its source.
  if (error.code === 'EPROTO' || error.code?.startsWith('ERR_SSL_') === true)
    return `it does not speak TLS as we do (${error.code
      .replace(/^ERR_SSL_/, '')
      .toLowerCase()
      .replaceAll('_', ' ')})`;
  // That of Node's parser names protocols that nobody asked for.
  if (error.code?.startsWith('HPE_') === true)
    return `it does not speak HTTP as we do (${error.code.replace(/^HPE_/, '').toLowerCase().replaceAll('_', ' ')})`;
  return error.message;
}
