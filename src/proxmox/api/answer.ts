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
export function dataOf(answer: Answer, what: string): unknown {
  const { status, body } = answer;
  if (status < 200 || status >= 300) throw errorOf(status, saidBy(answer), what, parse(body) !== undefined);
  const envelope = parse(body);
  if (envelope !== undefined) return envelope.data;
  throw new LxcriError('PlatformUnreachable', `${what}: the answer is not JSON`, NOT_PVE);
}

/** The server's own words about what it refused, on one line. */
export function saidBy({ status, reason, body }: Answer): string {
  const envelope = parse(body);
  const said = typeof envelope?.message === 'string' ? envelope.message : reason;
  const details = Object.entries((envelope?.errors ?? {}) as Record<string, unknown>).map(
    ([key, text]) => `${key}: ${String(text)}`,
  );
  return (
    [said, ...details]
      .map((text) => text.trim().replaceAll(/\s*\n\s*/g, '; '))
      .filter(Boolean)
      .join('; ') || `status ${status}`
  );
}

const NOT_PVE = 'check that the address is that of a Proxmox VE server (port 8006)';

function errorOf(status: number, said: string, what: string, isJson: boolean): LxcriError {
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
  // Proxmox VE has no redirects there and no 404; 502 to 504 are what a proxy before it says.
  if (!isJson && ((status >= 300 && status < 400) || status === 404 || (status >= 502 && status <= 504)))
    return new LxcriError('PlatformUnreachable', `${what}: ${status} ${said}`, NOT_PVE);
  return knownFailure(said) ?? new LxcriError('OperationFailed', `${what}: ${said}`);
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
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
