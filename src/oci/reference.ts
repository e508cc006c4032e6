import { LxcriError } from '../model/errors.ts';
import { contextName } from '../values/context-name.ts';
import { InvalidValue } from '../values/invalid-value.ts';

/** The schemes of container references. */
const SCHEMES = ['pve', 'lxc', 'docker', 'k8s', 'vm', 'vsock', 'host'] as const;
export type Scheme = (typeof SCHEMES)[number];

/** What the user typed for a container, parsed. */
export interface Reference {
  /** `undefined` for a bare word, which is looked up on this host. */
  readonly scheme: Scheme | undefined;
  /** The Proxmox node of `pve:NODE/ID`. */
  readonly node: string | undefined;
  /** The context of `pve:ID@CONTEXT`: only its cluster is meant, and not this host. */
  readonly context: string | undefined;
  /** The directory of `lxc:/DIRECTORY/NAME`. */
  readonly lxcpath: string | undefined;
  /** The name or VMID. */
  readonly id: string;
}

/** Lowest and highest VMID of Proxmox VE (its own schema: `^[1-9][0-9]{2,8}$`). */
const VMID_MIN = 100;
const VMID_MAX = 999_999_999;

/** liblxc and Proxmox accept no more than this; the first character rules out options and dot files. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/;

/** True when a container can have this name. */
export function isName(word: string): boolean {
  return NAME.test(word) && !word.includes('..');
}

/** True when the word is a number that Proxmox VE can have as a VMID. */
export function isVmid(word: string): boolean {
  return /^[1-9]\d{2,8}$/.test(word);
}

/**
 * Parses a container reference: `101`, `web`, `lxc:web`, `lxc:/srv/lxc/web`, `pve:101`, `pve:node1/101`,
 * `pve:101@home`, `vm:200@home` ...
 *
 * @throws LxcriError `UsageError` for a word that cannot name a container.
 */
export function parseReference(word: string): Reference {
  if (word === '') throw new LxcriError('MissingContainerId', 'the container name is empty', EMPTY_HINT);
  const colon = word.indexOf(':');
  if (colon === -1) return { ...NOTHING, id: checkedName(withoutContext(word)) };
  const scheme = word.slice(0, colon);
  const rest = word.slice(colon + 1);
  if (!isScheme(scheme)) {
    throw new LxcriError(
      'UsageError',
      `unknown scheme ${quoted(scheme)} in the container reference`,
      'write pve:, lxc:, docker:, k8s: or vsock: before the name, or the name alone',
    );
  }
  if (scheme === 'lxc') return parseLxc(rest);
  if (scheme === 'docker') return { ...NOTHING, scheme, id: checkedName(rest) };
  if (scheme === 'vsock' && rest === '')
    throw new LxcriError(
      'MissingContainerId',
      'the name of the microVM is empty',
      'write vsock:/PATH/TO/SOCKET or vsock:CID',
    );
  if (scheme !== 'pve' && scheme !== 'vm') return { ...NOTHING, scheme, id: rest };
  const at = rest.indexOf('@');
  const context = at === -1 ? undefined : checkedContext(rest.slice(at + 1));
  const guest = at === -1 ? rest : rest.slice(0, at);
  const slash = guest.indexOf('/');
  const node = slash === -1 ? undefined : checkedName(guest.slice(0, slash));
  const id = checkedName(slash === -1 ? guest : guest.slice(slash + 1));
  if (/^\d+$/.test(id)) checkVmid(id);
  return { ...NOTHING, scheme, node, context, id };
}

const NOTHING = { scheme: undefined, node: undefined, context: undefined, lxcpath: undefined };

/** Which kind of guest is meant must be said with the context. */
function withoutContext(word: string): string {
  const [guest = '', context] = word.split('@', 2);
  if (context === undefined || !isName(guest)) return word;
  throw new LxcriError(
    'UsageError',
    `${quoted(word)} names a context, but no scheme`,
    `write pve:${guest}@CONTEXT for a container, vm:${guest}@CONTEXT for a virtual machine`,
  );
}

function checkedContext(name: string): string {
  try {
    return contextName(name);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new LxcriError('UsageError', error.message, error.hint);
  }
}

/**
 * Refuses a number that no Proxmox container can have.
 *
 * @throws LxcriError `UsageError`
 */
export function checkVmid(id: string): void {
  if (!isVmid(id)) {
    throw new LxcriError(
      'UsageError',
      `${quoted(id)} is not a VMID`,
      `VMIDs are ${VMID_MIN} to ${VMID_MAX}, without leading zeros`,
    );
  }
}

const EMPTY_HINT = 'name a container; list them with: proxmox-lxcri ps';

/** `NAME`, or `/DIRECTORY/NAME` where containers in several directories have one name. */
function parseLxc(rest: string): Reference {
  const slash = rest.startsWith('/') ? rest.lastIndexOf('/') : -1;
  const lxcpath = slash > 0 ? rest.slice(0, slash) : undefined;
  if (lxcpath !== undefined && !/^(\/(?!\.{1,2}(\/|$))[\w.@+-]+)+$/.test(lxcpath)) {
    throw new LxcriError(
      'UsageError',
      `${quoted(lxcpath)} cannot be a directory of containers`,
      'write lxc:/DIRECTORY/NAME',
    );
  }
  return { ...NOTHING, scheme: 'lxc', lxcpath, id: checkedName(rest.slice(slash + 1)) };
}

function isScheme(word: string): word is Scheme {
  return (SCHEMES as readonly string[]).includes(word);
}

function checkedName(name: string): string {
  if (name === '') throw new LxcriError('MissingContainerId', 'the container name is empty', EMPTY_HINT);
  if (!isName(name)) {
    throw new LxcriError(
      'UsageError',
      `${quoted(name)} cannot be the name of a container`,
      'names are letters, digits, "_", "-" and single "."; a VMID is a number',
    );
  }
  return name;
}

/** JSON quoting makes control and escape characters visible instead of sending them to a terminal. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}
