import { LxcriError } from '../../model/errors.ts';

/** What the API answered, before it is understood. */
export interface Answer {
  readonly status: number;
  /** The reason phrase of the status line; often the only place that says what was wrong. */
  readonly reason: string;
  readonly body: string;
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
 * @param what the request, such as `POST /nodes/pve1/lxc/101/status/start`.
 * @throws LxcriError
 */
export function dataOf({ status, reason, body }: Answer, what: string): unknown {
  const envelope = parse(body);
  if (status >= 200 && status < 300) {
    if (envelope === undefined) throw new LxcriError('PlatformUnreachable', `${what}: the answer is not JSON`, NOT_PVE);
    return envelope.data;
  }
  const said = typeof envelope?.message === 'string' ? envelope.message.trim() : reason;
  const details = Object.entries((envelope?.errors ?? {}) as Record<string, unknown>).map(
    ([key, text]) => `${key}: ${String(text)}`,
  );
  throw errorOf(status, [said, ...details].join('; '), what);
}

const NOT_PVE = 'check that the address is that of a Proxmox VE server (port 8006)';

function errorOf(status: number, said: string, what: string): LxcriError {
  if (status === 401)
    return new LxcriError('AuthenticationFailed', `${what}: ${said}`, 'log in again: proxmox-lxcri login');
  if (status === 403) return permissionDenied(said, what);
  if (status >= 595 && status <= 599) {
    return new LxcriError(
      'PlatformUnreachable',
      `${what}: the server cannot reach that node (${status} ${said})`,
      'check that the node is up; pvecm status tells on another one',
    );
  }
  if (/^Configuration file '.*' does not exist$/.test(said))
    return new LxcriError('ContainerNotFound', said, 'list the containers with: proxmox-lxcri ps');
  if (status === 301 || status === 308)
    return new LxcriError('PlatformUnreachable', `${what}: ${status} ${said}`, NOT_PVE);
  return new LxcriError('OperationFailed', `${what}: ${said === '' ? `status ${status}` : said}`);
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
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
