import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/**
 * A SHA-256 fingerprint of a certificate, in the form that Proxmox VE shows: 32 bytes in upper-case hex, with colons.
 *
 * @param text with colons or without.
 * @throws InvalidValue
 */
export function fingerprintOf(text: string): string {
  const bare = text.replaceAll(':', '').toUpperCase();
  if (/^[0-9A-F]{64}$/.test(bare) && /^(?:[0-9a-f]{2}:?)+$/i.test(text)) return bare.match(/../g)?.join(':') ?? '';
  throw new InvalidValue(
    `${quoted(text)} is no SHA-256 fingerprint`,
    'it is 32 bytes in hex: on the node, pvenode cert info shows it',
  );
}
