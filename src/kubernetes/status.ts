import type { ClusterAnswer, CommandStatus } from '../model/pod.ts';

/** What we read of a v1.Status (k8s.io/apimachinery, pkg/apis/meta/v1). */
interface Status {
  readonly kind?: unknown;
  readonly status?: unknown;
  readonly message?: unknown;
  readonly reason?: unknown;
  readonly details?: { readonly causes?: unknown } | null;
}

/**
 * Reads what the error channel says at a command's end. What is not as it must be is no success.
 *
 * @returns `undefined` where it says nothing.
 */
export function commandStatus(text: string): CommandStatus | undefined {
  let status: Status;
  try {
    status = JSON.parse(text) as Status;
  } catch {
    return undefined;
  }
  if (typeof status !== 'object' || status === null) return undefined;
  if (status.status === 'Success') return { kind: 'exited', exitCode: 0 };
  if (status.status !== 'Failure') return undefined;
  const exitCode = status.reason === 'NonZeroExitCode' ? exitCodeOf(status) : undefined;
  if (exitCode !== undefined) return { kind: 'exited', exitCode };
  return {
    kind: 'failed',
    message: oneLine(status.message) || oneLine(status.reason) || 'the server does not say why',
  };
}

/** (k8s.io/client-go, tools/remotecommand/v4.go) */
function exitCodeOf({ details }: Status): number | undefined {
  const causes = details?.causes;
  if (!Array.isArray(causes)) return undefined;
  const cause = (causes as { reason?: unknown; message?: unknown }[]).find((each) => each?.reason === 'ExitCode');
  const text = cause?.message;
  // Zero would be a success that failed.
  return typeof text === 'string' && /^[1-9]\d{0,2}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
}

/** More of a server's words than this nobody reads. */
const MAX_WORDS = 500;

/** What an API server says is wrong, on one line. */
export function wordsOf({ body, status }: ClusterAnswer): string {
  const { message, reason } = (typeof body === 'object' && body !== null ? body : {}) as Status;
  return oneLine(message) || oneLine(reason) || oneLine(typeof body === 'string' ? body : '') || `status ${status}`;
}

/** Text of a server or a program, on one line; empty where it is none. */
export function oneLine(text: unknown): string {
  if (typeof text !== 'string') return '';
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return plain.trim().slice(0, MAX_WORDS);
}
