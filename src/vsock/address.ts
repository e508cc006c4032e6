import type { VsockAddress } from '../model/vsock.ts';
import { quoted } from '../values/quoted.ts';

/** The port of vsock on which agents listen where none was named. */
export const DEFAULT_PORT = 2222;

/** The highest port, and the highest id of a guest, of 32 bits; the one above is VMADDR_PORT_ANY and VMADDR_CID_ANY. */
const MAX_NUMBER = 4_294_967_294;

/** The address of this very host to its guests (VMADDR_CID_HOST). */
const CID_OF_HOST = 2;

/** Why a word is no address; one line, and what to write instead. */
export interface WrongAddress {
  readonly wrong: string;
  readonly hint: string;
}

const FORM = 'write vsock:/PATH/TO/SOCKET[:PORT] or vsock:CID[:PORT]';

/** Parses what stands after `vsock:`, which is `/PATH[:PORT]` or `CID[:PORT]`. */
export function parseAddress(text: string): VsockAddress | WrongAddress {
  const [, where = '', given] = /^(.*?)(?::(\d+))?$/s.exec(text) ?? [];
  const port = given === undefined ? DEFAULT_PORT : Number(given);
  if (given !== undefined && (port < 1 || port > MAX_NUMBER))
    return { wrong: `${given} is no port of vsock`, hint: `ports are 1 to ${MAX_NUMBER}` };
  if (where.startsWith('/')) {
    // What a socket's address holds (unix(7)), and no more than can be shown.
    const bytes = Buffer.byteLength(where);
    if (bytes > MAX_PATH_BYTES)
      return {
        wrong: `the path of a socket has at most ${MAX_PATH_BYTES} bytes, and this one has ${bytes}: ${quoted(where)}`,
        hint: 'name a symbolic link to its directory, or have the VMM make it at a shorter path',
      };
    const isWrong = where.endsWith('/') || /\p{Cc}/u.test(where);
    if (isWrong) return { wrong: `${quoted(where)} cannot be the path of a socket`, hint: FORM };
    return { kind: 'hybrid', path: where, port };
  }
  if (!/^\d{1,10}$/.test(where))
    return { wrong: `${quoted(text)} names no microVM`, hint: `${FORM}; a path begins with "/"` };
  const cid = Number(where);
  if (cid === CID_OF_HOST)
    return { wrong: `${cid} is the CID of this host itself`, hint: 'see guest-cid= in the configuration of the VM' };
  if (cid < 1 || cid > MAX_NUMBER)
    return { wrong: `${where} cannot be the CID of a guest`, hint: `CIDs of guests are 3 to ${MAX_NUMBER}` };
  return { kind: 'cid', cid, port };
}

/** `sun_path` has 108 bytes, the last of which is zero. */
const MAX_PATH_BYTES = 107;

/** The address as a user types it after `vsock:`; without a port that is the usual one. */
export function addressText(address: VsockAddress): string {
  const where = address.kind === 'hybrid' ? address.path : String(address.cid);
  return address.port === DEFAULT_PORT ? where : `${where}:${address.port}`;
}
