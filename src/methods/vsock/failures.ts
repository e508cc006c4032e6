import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest } from '../../model/request.ts';
import { STATUS } from '../../vsock/grpc/status.ts';
import type { GrpcStatus } from '../../vsock/grpc/status.ts';
import type { Refusal } from '../../vsock/protocol.ts';
import { quoted } from '../../values/quoted.ts';
import { NotStartedError } from '../method.ts';

/** What an agent of ours says when a command was not started (ExecError of exec.proto). */
export function refusalOf({ code, message }: Refusal, request: ExecRequest): Error {
  const said = shortened(message);
  switch (code) {
    case 'CommandNotFound':
      return commandNotFound(request, said);
    case 'CommandNotExecutable':
      return commandNotExecutable(request, said);
    case 'WorkdirNotFound':
      return new LxcriError('WorkdirNotFound', said, 'create it first, or choose another with --workdir');
    case 'UserNotFound':
      return new LxcriError('UserNotFound', said, 'name one that its /etc/passwd and /etc/group have');
    case 'PermissionDenied':
      return new LxcriError(
        'PermissionDenied',
        `the agent may not do this: ${said}`,
        'let it run as root in the guest',
      );
    case 'UsageError':
      return new LxcriError('UsageError', `the agent refuses this: ${said}`, 'leave out what it names');
    default:
      return new NotStartedError(`the agent could not start the command: ${said || 'it does not say why'}`);
  }
}

/** The agent takes no further command now, which passes: no reason to ask for less, nor to try another method. */
export function takesNoMore(reason: string): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `the agent has started nothing: ${shortened(reason)}`,
    'try again when it has less to do, or runs again',
  );
}

/** The same, of the status by which a call was refused; `undefined` for every other. */
export function passingRefusal({ code, message }: GrpcStatus): LxcriError | undefined {
  if (code === STATUS.resourceExhausted) return takesNoMore(`it runs as many commands as it may (${message})`);
  if (code === STATUS.unavailable) return takesNoMore(message || 'it is being stopped');
  return undefined;
}

/**
 * What older agents say when a command was not started, in the words of Go's os/exec; `undefined` for everything else, after
 * which it may have run.
 */
export function olderRefusal(message: string, request: ExecRequest): Error | undefined {
  const said = /^(?:start (?:command|pty)): (.*)$/s.exec(message)?.[1];
  if (said === undefined) return undefined;
  if (said.startsWith('chdir '))
    return new LxcriError('WorkdirNotFound', shortened(said), 'create it first, or choose another with --workdir');
  if (/executable file not found|no such file or directory/.test(said))
    return commandNotFound(request, shortened(said));
  if (/permission denied|exec format error|is a directory/.test(said))
    return commandNotExecutable(request, shortened(said));
  return new NotStartedError(`the agent could not start the command: ${shortened(said)}`);
}

/** @param said which shell it is: that is known in the guest alone. */
function commandNotFound(request: ExecRequest, said: string): LxcriError {
  if (request.command.length === 0)
    return new LxcriError(
      'CommandNotFound',
      `the user's login shell is not in the guest: ${said}`,
      'name a shell that it has, or another user with -u',
    );
  return new LxcriError(
    'CommandNotFound',
    `no command ${wordOf(request)} in the guest`,
    'check its name, and PATH with -e PATH=...',
  );
}

function commandNotExecutable(request: ExecRequest, said: string): LxcriError {
  const what = request.command.length === 0 ? `the user's login shell (${said})` : wordOf(request);
  return new LxcriError(
    'CommandNotExecutable',
    `${what} cannot be executed in the guest`,
    'check its permissions and that it is a program',
  );
}

function wordOf({ command: [word = ''] }: ExecRequest): string {
  return quoted(Buffer.from(word).toString('utf8'));
}

const MAX_SAID = 300;

/** One line, and not a long one: it comes from the guest. */
function shortened(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_SAID);
}
