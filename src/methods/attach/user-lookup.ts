import { LxcriError } from '../../model/errors.ts';
import type { UserSpec } from '../../model/request.ts';

/** A user as the container knows it. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** "" for a uid without an entry. */
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  /** Supplementary groups; they may include the primary one. */
  readonly groups: readonly number[];
  /** The tool in the container that can set supplementary groups. */
  readonly tool: 'setpriv' | 'chroot' | 'busybox-su' | 'none';
}

/** The kernel's highest valid id; 2^32-1 means "no id". */
const MAX_ID = 4_294_967_294;

/**
 * Reads what LOOKUP_SCRIPT said. The container is not trusted: whatever is not of the expected form is refused.
 *
 * @throws LxcriError `UserNotFound`
 */
export function parseLookup(lines: readonly string[], spec: UserSpec): ResolvedUser {
  const fields = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const missing = fields.get('missing');
  if (missing === 'group') throw notFound(`no group ${JSON.stringify(spec.group ?? '')} in the container`);
  if (missing !== undefined) throw notFound(`no user ${JSON.stringify(spec.user)} in the container`);
  const unmapped = fields.get('unmapped');
  if (unmapped !== undefined) {
    const { user, group } = spec;
    throw new LxcriError(
      'UserNotFound',
      `the number of ${unmapped === 'group' ? 'group' : 'user'} ${JSON.stringify(unmapped === 'group' ? (group ?? user) : user)} is outside the ids of the container`,
      'an unprivileged container has the numbers 0 to 65535 unless its configuration maps more',
    );
  }
  const uid = parseId(fields.get('uid'));
  const gid = parseId(fields.get('gid'));
  const groups = (fields.get('groups') ?? '').split(' ').filter(Boolean).map(parseId);
  const home = fields.get('home') ?? '';
  const shell = fields.get('shell') ?? '';
  const name = fields.get('name') ?? '';
  const tool = fields.get('tool');
  const plain = [home, shell, name].every((text) => !hasControlCharacter(text));
  if (
    uid === undefined ||
    gid === undefined ||
    !plain ||
    !groups.every((group) => group !== undefined) ||
    !isTool(tool)
  ) {
    throw notFound(`the container gave no usable answer about user ${JSON.stringify(spec.user)}`);
  }
  return {
    uid,
    gid,
    name,
    home: home.startsWith('/') ? home : '/',
    shell: shell.startsWith('/') ? shell : '/bin/sh',
    groups,
    tool,
  };
}

function notFound(message: string): LxcriError {
  return new LxcriError(
    'UserNotFound',
    message,
    'list the users with: proxmox-lxcri exec CONTAINER -- cat /etc/passwd',
  );
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

function isTool(text: string | undefined): text is ResolvedUser['tool'] {
  return text === 'setpriv' || text === 'chroot' || text === 'busybox-su' || text === 'none';
}

function hasControlCharacter(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text);
}
