import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest } from '../../model/request.ts';
import type { Refusal } from '../../vsock/protocol.ts';
import { NotStartedError } from '../method.ts';

/** What an agent of ours says when a command was not started (ExecError of exec.proto). */
export function refusalOf({ code, message }: Refusal, request: ExecRequest): Error {
  const said = shortened(message);
  switch (code) {
    case 'CommandNotFound':
      return commandNotFound(request);
    case 'CommandNotExecutable':
      return commandNotExecutable(request);
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

/**
 * What older agents say when a command was not started, in the words of Go's os/exec; `undefined` for everything else, after
 * which it may have run.
 */
export function olderRefusal(message: string, request: ExecRequest): Error | undefined {
  const said = /^(?:start (?:command|pty)): (.*)$/s.exec(message)?.[1];
  if (said === undefined) return undefined;
  if (said.startsWith('chdir '))
    return new LxcriError('WorkdirNotFound', shortened(said), 'create it first, or choose another with --workdir');
  if (/executable file not found|no such file or directory/.test(said)) return commandNotFound(request);
  if (/permission denied|exec format error|is a directory/.test(said)) return commandNotExecutable(request);
  return new NotStartedError(`the agent could not start the command: ${shortened(said)}`);
}

function commandNotFound(request: ExecRequest): LxcriError {
  return new LxcriError(
    'CommandNotFound',
    `no command ${wordOf(request)} in the guest`,
    'check its name, and PATH with -e PATH=...',
  );
}

function commandNotExecutable(request: ExecRequest): LxcriError {
  return new LxcriError(
    'CommandNotExecutable',
    `${wordOf(request)} cannot be executed in the guest`,
    'check its permissions and that it is a program',
  );
}

function wordOf({ command }: ExecRequest): string {
  const [word] = command;
  return word === undefined ? 'that is a login shell' : JSON.stringify(Buffer.from(word).toString('utf8'));
}

const MAX_SAID = 300;

/** One line, and not a long one: it comes from the guest. */
function shortened(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_SAID);
}
