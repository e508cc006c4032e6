import { isIPv6 } from 'node:net';

import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/** Where the servers of Proxmox VE listen. */
const DEFAULT_PORT = 8006;

/**
 * The address of a server of Proxmox VE: `pve1`, `pve1.example:8006`, `192.0.2.1`, `[2001:db8::1]:8006`, or as it is
 * copied from a browser, `https://pve1.example:8006/`.
 *
 * @throws InvalidValue
 */
export function serverAddress(text: string): { host: string; port: number } {
  const bare = text.replace(/^https:\/\//i, '').replace(/\/(?:#.*)?$/, '');
  const [, six, name, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(bare) ?? [];
  const host = isIPv6(bare) ? bare : (six ?? name ?? '');
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  const isHost = six === undefined && !isIPv6(bare) ? /^[a-z0-9]([\w.-]*[a-z0-9])?\.?$/i.test(host) : isIPv6(host);
  if (isHost && number >= 1 && number <= 65_535) return { host, port: number };
  throw new InvalidValue(`${quoted(text)} is no address of a server`, 'write for instance pve1.example:8006');
}
