import { LxcriError } from '../../model/errors.ts';
import { isMisfit } from './shape.ts';
import type { Reader } from './shape.ts';

/** What the API answered, before it is understood. */
export interface Answer {
  readonly status: number;
  /** The reason phrase of the status line; often the only place that says what was wrong. */
  readonly reason: string;
  readonly body: string;
}

/** What an answer is the answer to. */
export interface Asked {
  /** The request, such as `POST /nodes/pve1/lxc/101/status/start`. */
  readonly what: string;
  /** Who answered, such as `pve1.example:8006`. */
  readonly server: string;
  /** Whether it does not matter if the request was acted on: it may be made again. */
  readonly isRepeatable: boolean;
}

/** What the API's JSON has besides `data`. */
interface Envelope {
  data?: unknown;
  message?: unknown;
  errors?: unknown;
}

/**
 * The data of an answer, or the error that it means. Proxmox VE puts its words into the reason phrase, and into `message`
 * where there is a body at all; 595 to 599 are those of its own proxy to another node (AnyEvent::HTTP).
 *
 * @throws LxcriError `ConnectionLost` where the request may have been acted on, and nothing says whether it was.
 */
export function dataOf<Data>(answer: Answer, read: Reader<Data>, asked: Asked): Data {
  const envelope = parse(answer.body);
  if (answer.status < 200 || answer.status >= 300) throw errorOf(answer, asked, envelope !== undefined);
  if (envelope === undefined) throw notUnderstood(asked, 'it is not JSON');
  try {
    return read(envelope.data, '');
  } catch (error) {
    if (isMisfit(error)) throw notUnderstood(asked, error.message);
    throw error;
  }
}

/** More is read by nobody. */
const MAX_SAID = 1000;

/** Words of a server on one line, no longer than somebody reads. */
export function oneLine(said: string): string {
  // Cut first: what follows takes long for very long text.
  const line = said
    .slice(0, 2 * MAX_SAID)
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
  return line.length <= MAX_SAID ? line : `${line.slice(0, MAX_SAID).toWellFormed()}...`;
}

/** The server's own words about what it refused, on one line. */
export function saidBy({ status, reason, body }: Answer): string {
  const envelope = parse(body);
  const { errors } = envelope ?? {};
  const details = Object.entries(isObject(errors) ? errors : {}).flatMap(([key, text]) =>
    typeof text === 'string' ? [oneLine(`${key}: ${text}`)] : [],
  );
  const message = typeof envelope?.message === 'string' ? oneLine(envelope.message) : '';
  const said = [message || oneLine(reason), ...details].filter(Boolean).join('; ');
  return oneLine(said) || `status ${status}`;
}

const NOT_PVE = 'check that the address is that of a Proxmox VE server (port 8006)';

/** After a request that may have been acted on, that is not known any more. */
export const MAY_BE_DONE = 'it may have been done: look before doing it again';

/** The error of an answer that says nothing. */
function notUnderstood({ what, server, isRepeatable }: Asked, why: string): LxcriError {
  const message = `the answer of ${server} was not understood (${what}: ${why})`;
  return isRepeatable
    ? new LxcriError('PlatformUnreachable', message, NOT_PVE)
    : new LxcriError('ConnectionLost', message, MAY_BE_DONE);
}

function errorOf(answer: Answer, asked: Asked, isJson: boolean): LxcriError {
  const { status, body } = answer;
  const { what, isRepeatable } = asked;
  const said = saidBy(answer);
  if (status === 401)
    return new LxcriError('AuthenticationFailed', `${what}: ${said}`, 'log in again: proxmox-lxcri login');
  if (status === 403) return permissionDenied(said, what);
  if (status >= 595 && status <= 599) {
    const message = `${what}: the server cannot reach that node (${status} ${said})`;
    if (!isRepeatable && !isBeforeSending(status, said)) return new LxcriError('ConnectionLost', message, MAY_BE_DONE);
    return new LxcriError(
      'PlatformUnreachable',
      message,
      'check that the node is up; pvecm status tells on another one',
    );
  }
  if (!isJson) {
    // Proxmox VE has no redirects there, no 404 and no pages; 502 to 504 are of a proxy before it, which may have asked it.
    if ((status >= 502 && status <= 504) || (status === 500 && body.trim() !== ''))
      return notUnderstood(asked, `${status} ${said}`);
    if (status < 400 || status === 404)
      return new LxcriError('PlatformUnreachable', `${what}: ${status} ${said}`, NOT_PVE);
  }
  return knownFailure(said) ?? new LxcriError('OperationFailed', `${what}: ${said}`);
}

/** 595: no connection; 596 has all that goes wrong up to the answer's head, of which only TLS comes before the request. */
function isBeforeSending(status: number, said: string): boolean {
  return status === 595 || (status === 596 && /tls_|certificate/i.test(said));
}

/** Proxmox VE has one status for all that went wrong in a call; which it was is in the words only. */
function knownFailure(said: string): LxcriError | undefined {
  if (/^Configuration file '.*' does not exist$/.test(said))
    return new LxcriError('ContainerNotFound', said, 'list the containers with: proxmox-lxcri ps');
  // By a node of a cluster, and by one that is alone.
  const node = /^(?:no such cluster node|hostname lookup) '([^']+)'/.exec(said)?.[1];
  if (node !== undefined) {
    const message = `there is no node ${JSON.stringify(node)} in the cluster (${said})`;
    return new LxcriError('PlatformUnreachable', message, 'check its name: pvecm nodes lists them');
  }
  const lock = /^(?:CT|VM) is locked \(([^)]+)\)$/.exec(said)?.[1];
  if (lock !== undefined) return new LxcriError('ContainerLocked', said, `wait until its ${lock} has ended`);
  return undefined;
}

/** `Permission check failed (/vms/101, VM.PowerMgmt)`: the path, and what is missing there. */
function permissionDenied(said: string, what: string): LxcriError {
  const [, path, privileges] = /^Permission check failed \((\/[^,]*), ([^)]+)\)/.exec(said) ?? [];
  const hint =
    path === undefined || privileges === undefined
      ? 'the user or token may not do this'
      : `give the user or token ${privileges} on ${path}; a token with privilege separation needs it itself`;
  return new LxcriError('PermissionDenied', `${what}: ${said}`, hint);
}

function parse(body: string): Envelope | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
