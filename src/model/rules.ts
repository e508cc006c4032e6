/** What a request may hold; the same for the command line and for programs. */
import type { UserSpec } from './request.ts';

/** The longest delay a timer takes: 2^31-1 ms, a little under 25 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Above this a result would not fit into the strings and memory of one process. */
export const MAX_OUTPUT_BYTES = 256 * 1024 ** 2;

/**
 * What the kernel takes (execve(2): all but "=" and NUL), without what nobody means: white space, what cannot be seen, and
 * a "-" in front, which is a flag that has slipped. Ours are reserved.
 */
export function isVariableName(name: string): boolean {
  return /^(?!-)[^=\s\p{C}\uFFFD]+$/u.test(name) && !name.startsWith('PROXMOX_LXCRI_');
}

/** Names of POSIX (Base Definitions 8.1): a shell hands no others on to what it starts, and can set no others. */
export function isShellVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** A name as an error may show it: what looks like none may be a value whose "KEY=" was forgotten. */
export function shownVariableName(name: string): string {
  return /^[\w.-]{1,40}$/.test(name) ? JSON.stringify(name) : 'a variable';
}

/** Whether this can be the value of `TERM`. */
export function isTerminalType(type: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/.test(type);
}

/** Names as useradd(8) accepts them in practice, and numbers up to the kernel's highest id. */
const USER_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}\$?$/;
const MAX_ID = 4_294_967_294;

/** Parses `USER`, `USER:GROUP`, `UID` or `UID:GID`; `undefined` when it is none of these. */
export function userSpecOf(text: string): UserSpec | undefined {
  const [user = '', group, ...rest] = text.split(':');
  if (rest.length > 0 || !isUserOrGroup(user) || (group !== undefined && !isUserOrGroup(group))) return undefined;
  return group === undefined ? { user } : { user, group };
}

function isUserOrGroup(text: string): boolean {
  return /^\d+$/.test(text) ? Number(text) <= MAX_ID : USER_NAME.test(text);
}
