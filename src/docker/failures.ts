import { LxcriError } from '../model/errors.ts';
import type { EngineAnswer } from '../model/engine.ts';

/** More of an engine's words than this nobody reads. */
const MAX_WORDS = 500;

/** What an engine says is wrong: its words, on one line. */
export function wordsOf({ body, bytes, status }: EngineAnswer): string {
  const { message, cause } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = typeof message === 'string' ? message : typeof cause === 'string' ? cause : bytes.toString('utf8');
  return oneLine(text) || `status ${status}`;
}

/** The error of somebody who answers, and not as an engine does. */
export function unreadable(engine: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `what answers at ${engine} is no Docker engine, or cannot be understood`,
    'check DOCKER_HOST or the context of Docker: docker version',
  );
}

/** Text of an engine, or of the runtime below it, for a message of ours. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
  return plain.trim().slice(0, MAX_WORDS);
}

/**
 * The error of an engine that refuses what it was asked.
 *
 * @param what was asked for, as "list its containers".
 */
export function refused(answer: EngineAnswer, engine: string, what: string): LxcriError {
  const words = wordsOf(answer);
  if (answer.status === 401 || answer.status === 403) {
    return new LxcriError(
      'PermissionDenied',
      `the Docker engine at ${engine} does not let us ${what}: ${words}`,
      'ask who runs it',
    );
  }
  return new LxcriError('OperationFailed', `the Docker engine at ${engine} could not ${what}: ${words}`);
}
