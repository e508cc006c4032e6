import { refused } from '../../kubernetes/failures.ts';
import { wordsOf } from '../../kubernetes/status.ts';
import { LxcriError } from '../../model/errors.ts';
import type { ClusterAnswer, PodAccess } from '../../model/pod.ts';
import type { ExecRequest } from '../../model/request.ts';
import { NotStartedError } from '../method.ts';

/** What an API server's refusal to run a command means: nothing was started. */
export function refusedExecution(answer: ClusterAnswer, { cluster, namespace, pod, container }: PodAccess): Error {
  const words = wordsOf(answer);
  const where = `pod ${namespace}/${pod}`;
  switch (answer.status) {
    case 403:
      return new LxcriError(
        'PermissionDenied',
        `we may not run commands in ${where}: ${words}`,
        'over a WebSocket the role needs get on pods/exec as well as create; ask who runs the cluster',
      );
    case 404:
      return new LxcriError(
        'ContainerNotFound',
        `${where} is not there any more: ${words}`,
        `see: kubectl get pods -n ${namespace}`,
      );
    case 414:
    case 431:
      return new LxcriError(
        'UsageError',
        'the command is too long for the API server',
        'pass the data on standard input',
      );
    default:
  }
  // We always say both. A server that has read neither was given more parameters than it takes (10 000, Go's net/url).
  if (answer.status === 400 && /must specify at least (1|one)|at least one of (tty|stdin|stdout)/i.test(words))
    return new LxcriError(
      'UsageError',
      'the command has too many words for the API server',
      'pass the data on standard input',
    );
  if (/not valid for pod|container not found|does not have a host assigned|completed pod|not running/i.test(words))
    return new LxcriError(
      'ContainerNotRunning',
      `container ${container} of ${where} does not run: ${words}`,
      `see: kubectl describe pod -n ${namespace} ${pod}`,
    );
  if (answer.status === 401) return refused(answer, cluster.name, `run commands in ${where}`);
  return new NotStartedError(`the API server at ${cluster.name} refuses: ${words}`);
}

/** What a runtime says of a program that it could not start. */
export type StartFailure =
  | { readonly kind: 'not-found' | 'not-executable' | 'gone' | 'too-long' }
  /** It is not clear that nothing was started. */
  | { readonly kind: 'unclear' };

/**
 * Reads the message of a Status that is no exit code: what containerd or CRI-O, and runc or crun below it, say instead of
 * running a command.
 */
export function startFailure(message: string): StartFailure {
  if (/argument list too long/i.test(message)) return { kind: 'too-long' };
  const program = /exec: "?[^:]*: (.*)|executable file (.*)|exec failed: (.*)/is.exec(message)?.[0] ?? '';
  if (/not found|no such file or directory/i.test(program)) return { kind: 'not-found' };
  if (/permission denied|is a directory|exec format error/i.test(program)) return { kind: 'not-executable' };
  return GONE.test(message) ? { kind: 'gone' } : { kind: 'unclear' };
}

/** Of a container that has ended, or a node that does not answer: nothing was started. */
const GONE =
  /(container|task|process|sandbox)\b.*(not found|not running|stopped|exited|CONTAINER_EXITED)|failed to load task|dialing backend/is;

/** What a shell exits with when it could not become a program: there is none; it is there, and none (POSIX, 2.8.2). */
const NO_PROGRAM = 127;
const NOT_EXECUTED = 126;

/**
 * The error of a program that was found, and that the container's shell could not become.
 *
 * @param said by the shell, which may be of any.
 * @returns `undefined` where the exit code says something else.
 */
export function execError(said: string, exitCode: number, { command }: ExecRequest): LxcriError | undefined {
  const what = command.length === 0 ? 'the login shell' : JSON.stringify(String(command[0]));
  if (exitCode === NO_PROGRAM)
    return new LxcriError(
      'CommandNotFound',
      `${what} is in the container, and the program that its first line (#!) names, or its loader, is not`,
      'install that in the container, or name it before the command',
    );
  if (exitCode !== NOT_EXECUTED) return undefined;
  if (/argument list too long/i.test(said))
    return new LxcriError('UsageError', 'the command is too long for the kernel', 'pass the data on standard input');
  return new LxcriError(
    'CommandNotExecutable',
    `${what} cannot be executed in the container`,
    "check that it is a program for the container's architecture, and its permissions",
  );
}

/** The error of a command that a runtime could not start; `undefined` where it may have. */
export function startError(message: string, { command }: ExecRequest, access: PodAccess): Error | undefined {
  const word = JSON.stringify(command[0] ?? '');
  const { namespace, pod, container } = access;
  switch (startFailure(message).kind) {
    case 'not-found':
      return new LxcriError(
        'CommandNotFound',
        `no command ${word} in the container`,
        'check its name, and PATH with -e PATH=...',
      );
    case 'not-executable':
      return new LxcriError(
        'CommandNotExecutable',
        `${word} cannot be executed in the container`,
        'check its permissions and that it is a program',
      );
    case 'too-long':
      return new LxcriError('UsageError', 'the command is too long for the kernel', 'pass the data on standard input');
    case 'gone':
      return new LxcriError(
        'ContainerNotRunning',
        `container ${container} of pod ${namespace}/${pod} does not run any more: ${message}`,
        `see: kubectl describe pod -n ${namespace} ${pod}`,
      );
    default:
      return undefined;
  }
}
