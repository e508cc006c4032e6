import { isUtf8 } from 'node:buffer';

import { LxcriError } from '../../model/errors.ts';
import { OCI_STATUSES } from './phases.ts';
import type { OciStatus } from './phases.ts';

/** The state of a container as an OCI runtime hands it to a hook, as far as it matters here. */
export interface OciState {
  readonly id: string;
  readonly status: OciStatus;
  /** The container's process by this host's numbering; `undefined` when there is none. */
  readonly pid: number | undefined;
  readonly annotations: ReadonlyMap<string, string>;
}

/** A state is a few hundred bytes; annotations may hold whole documents. */
export const MAX_STATE_BYTES = 1024 * 1024;

/** Semantic Versioning 2.0.0, as the specification demands of `ociVersion`. */
const SEMVER = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?$/;

/** The kernel's highest pid (PID_MAX_LIMIT). */
const MAX_PID = 4_194_304;

/**
 * Reads the state that an OCI runtime writes to a hook (runtime-spec 1.2, runtime.md "State"). Unknown properties are
 * allowed; of a property given twice the last one counts, as for the runtimes that write it. No value of an annotation
 * appears in an error.
 *
 * @throws LxcriError `UsageError` that names what is wrong with it.
 */
export function parseState(bytes: Buffer): OciState {
  const state = parseObject(bytes);
  const ociVersion = own(state, 'ociVersion');
  if (typeof ociVersion !== 'string' || !SEMVER.test(ociVersion))
    throw wrong('ociVersion', 'a version such as "1.2.0"');
  const id = own(state, 'id');
  if (typeof id !== 'string' || id === '') throw wrong('id', 'a string that is not empty');
  const status = OCI_STATUSES.find((known) => known === own(state, 'status'));
  if (status === undefined) throw wrong('status', `one of ${OCI_STATUSES.join(', ')}`);
  const pid = own(state, 'pid') ?? 0;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 0 || pid > MAX_PID) throw wrong('pid', 'a process id');
  if (pid === 0 && (status === 'created' || status === 'running')) throw wrong('pid', `there with status ${status}`);
  const bundle = own(state, 'bundle');
  if (typeof bundle !== 'string' || !bundle.startsWith('/')) throw wrong('bundle', 'an absolute path');
  return { id, status, pid: pid === 0 ? undefined : pid, annotations: parseAnnotations(own(state, 'annotations')) };
}

function parseObject(bytes: Buffer): object {
  if (bytes.length > MAX_STATE_BYTES) throw notAState(`longer than ${MAX_STATE_BYTES} bytes`);
  if (bytes.length === 0) throw notAState('empty');
  if (!isUtf8(bytes)) throw notAState('not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The parser's own message quotes what it has read.
    throw notAState('not valid JSON');
  }
  if (!isObject(value)) throw notAState('not a JSON object');
  return value;
}

function parseAnnotations(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!isObject(value)) throw wrong('annotations', 'an object');
  const entries = Object.entries(value) as [string, unknown][];
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string'))
    throw wrong('annotations', 'an object whose values are all strings');
  return new Map(entries);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Only what stands in the document: every object also has a `constructor`. */
function own(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
}

function notAState(what: string): LxcriError {
  return new LxcriError('UsageError', `what came on standard input is no OCI state: it is ${what}`, HINT);
}

function wrong(property: string, expected: string): LxcriError {
  return new LxcriError(
    'UsageError',
    `the OCI state on standard input is not valid: ${property} must be ${expected}`,
    HINT,
  );
}

/** What to do where there is no state. */
export const HINT =
  'an OCI runtime writes it to its hooks; a Proxmox hookscript gives its two words instead: proxmox-lxcri hook ... "$@" -- COMMAND';
