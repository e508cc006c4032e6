import { oneLine, wordsOf } from '../../docker/failures.ts';
import type { Container } from '../../model/container.ts';
import type { EngineAnswer } from '../../model/engine.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ExecRequest } from '../../model/request.ts';
import { NotStartedError } from '../method.ts';

/**
 * What an engine says instead of a command's output when the command did not start. The words are those of Docker (daemon/
 * exec.go), of runc (libcontainer), and of crun; they are looked at only where the engine says that there is no process.
 */
export function startFailure(text: string, { command, workdir, user }: ExecRequest): Error {
  const said = oneLine(text);
  const word = JSON.stringify(String(command[0] ?? ''));
  const isLogin = command.length === 0;
  if (
    /container (\S+ )?(is )?not running|in a stopped (container|state)|that has stopped|open \/proc\/\d+\/ns\//i.test(
      said,
    )
  ) {
    return new LxcriError(
      'ContainerNotRunning',
      'the container has ended before the command was started',
      'see what runs: proxmox-lxcri ps',
    );
  }
  if (/unable to find (user|group)|no matching entries in (passwd|group)|no users found/i.test(said)) {
    const what = /group/i.test(/(unable to find|matching entries in) (\w+)/i.exec(said)?.[0] ?? '') ? 'group' : 'user';
    const name = what === 'group' ? (user?.group ?? '') : (user?.user ?? '');
    return new LxcriError(
      'UserNotFound',
      `no ${what} ${JSON.stringify(name)} in the container`,
      'name one that its /etc/passwd and /etc/group have',
    );
  }
  if (/chdir to|\bcwd\b|working directory|workdir/i.test(said)) {
    return new LxcriError(
      'WorkdirNotFound',
      /permission denied/i.test(said)
        ? `the user may not enter ${JSON.stringify(workdir ?? 'the working directory')} in the container`
        : `no directory ${JSON.stringify(workdir ?? 'the working directory')} in the container`,
      'create it first, or choose another with --workdir',
    );
  }
  if (/argument list too long/i.test(said)) {
    return new LxcriError(
      'UsageError',
      'the command and its environment are too long for the kernel',
      'pass the data on standard input',
    );
  }
  if (/executable file not found|no such file or directory|not found in \$PATH/i.test(said)) {
    return new LxcriError(
      'CommandNotFound',
      isLogin ? 'there is no shell in the container' : `no command ${word} in the container`,
      isLogin ? 'name a program that it has: exec CONTAINER -- PROGRAM' : 'check its name, and PATH with -e PATH=...',
    );
  }
  if (/permission denied|is a directory|exec format error|not executable/i.test(said)) {
    return new LxcriError(
      'CommandNotExecutable',
      `${isLogin ? 'the shell' : word} cannot be executed in the container`,
      'check its permissions and that it is a program',
    );
  }
  return new NotStartedError(`the engine could not start the command: ${said || 'it does not say why'}`);
}

/** What an engine's refusal to make or start an execution means: nothing was started. */
export function refusedExecution(answer: EngineAnswer, { name }: Container): Error {
  const words = wordsOf(answer);
  const again = `start it with: proxmox-lxcri start docker:${name}`;
  if (answer.status === 404)
    return new LxcriError(
      'ContainerNotFound',
      `container ${name} is not there any more: ${words}`,
      'see: proxmox-lxcri ps',
    );
  if (/is paused|unpause/i.test(words))
    return new LxcriError('ContainerFrozen', `container ${name} is paused`, `resume it with: docker unpause ${name}`);
  if (/restarting/i.test(words))
    return new LxcriError('ContainerNotRunning', `container ${name} is restarting`, `see why: docker logs ${name}`);
  if (/not running|is stopped|improper/i.test(words))
    return new LxcriError('ContainerNotRunning', `container ${name} is not running`, again);
  if (/unable to find (user|group)|no matching entries|chdir|executable file|permission denied/i.test(words))
    return new NotStartedError(words);
  return new NotStartedError(`the engine refuses: ${words}`);
}
