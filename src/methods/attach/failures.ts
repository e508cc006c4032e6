import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest, Word } from '../../model/request.ts';
import { NotStartedError } from '../method.ts';

/** What lxc-attach exits with when it fails itself. */
const HELPER_FAILED = 1;

/** Thrown when the container has no /bin/sh that our scripts can run in. */
export class NoShellError extends Error {}

/** `execvp` in the attaching program fails with 126 or 127 when there is no shell for our script. */
export function notStarted(code: number | null): Error {
  if (code === 126 || code === 127) return new NoShellError('the container has no /bin/sh');
  return new NotStartedError(`the attaching program ended before the command started (exit code ${code ?? 'unknown'})`);
}

/** What a message of RUN_SCRIPT other than `started` means. */
export function refusal(message: string, request: ExecRequest): Error {
  const [kind, name = ''] = message.split(' ');
  const word = JSON.stringify(textOf(request.command[0] ?? ''));
  const directory = JSON.stringify(request.workdir ?? '');
  switch (kind) {
    case 'not-found':
      return commandNotFound(word);
    case 'not-executable':
      return commandNotExecutable(word);
    case 'workdir-missing':
      return new LxcriError(
        'WorkdirNotFound',
        `no directory ${directory} in the container`,
        'create it first, or choose another with --workdir',
      );
    case 'workdir-denied':
      return new LxcriError(
        'WorkdirNotFound',
        `the user may not enter ${directory} in the container`,
        'choose another --workdir or --user',
      );
    case 'env-refused':
      return new LxcriError(
        'UsageError',
        `the container's shell does not let the variable ${JSON.stringify(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : '')} be set so`,
        'rename the variable',
      );
    default:
      return new NotStartedError('the container gave an answer that is not understood');
  }
}

function commandNotFound(word: string): LxcriError {
  return new LxcriError(
    'CommandNotFound',
    `no command ${word} in the container`,
    'check its name, and PATH with -e PATH=...',
  );
}

function commandNotExecutable(word: string): LxcriError {
  return new LxcriError(
    'CommandNotExecutable',
    `${word} cannot be executed in the container`,
    'check its permissions and that it is a program',
  );
}

/**
 * Reads LXC's log (format and texts measured on 5.0.2): the command could not be executed, or the container not entered.
 */
export function attachFailure(log: string, exitCode: number, request: ExecRequest): LxcriError | undefined {
  const word = JSON.stringify(textOf(request.command[0] ?? ''));
  if (/ - No such file or directory - Failed to exec "/.test(log)) return commandNotFound(word);
  if (/ - Failed to exec "/.test(log)) return commandNotExecutable(word);
  if (/Failed to get (init pid|attach context)/.test(log))
    return new LxcriError('ContainerNotRunning', 'the container stopped before the command started');
  const [, complaint] = / ERROR .* - (.+)$/m.exec(log) ?? [];
  if (complaint === undefined || exitCode !== HELPER_FAILED) return undefined;
  return new LxcriError(
    request.user === undefined ? 'NoMethodAvailable' : 'UserNotFound',
    `lxc-attach could not start the command: ${complaint}`,
    request.user === undefined
      ? 'see its log with lxc-attach -l DEBUG'
      : "check that the user's ids are mapped in the container",
  );
}

/** What the kernel says of it is E2BIG. */
export function tooLong(): LxcriError {
  return new LxcriError(
    'UsageError',
    'the command and its environment are too long for the kernel',
    'pass the data on standard input',
  );
}

function textOf(word: Word): string {
  return typeof word === 'string' ? word : Buffer.from(word).toString('utf8');
}
