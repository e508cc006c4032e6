import { LxcriError } from '../../model/errors.ts';
import type { NoAnswerError } from '../connection.ts';

/** What `ssh` exits with when it fails itself (ssh(1)). */
const SSH_FAILED = 255;

/** What a shell exits with when there is no such command. */
const NO_COMMAND = 127;

/** Lines of ssh that are no failure. */
const HARMLESS = /^(Warning: Permanently added|ControlSocket .* already exists|\*\* )/;

/** Refused by a busy server before anything was agreed on (MaxStartups of sshd_config(5)): it may not be the next time. */
const BUSY = /kex_exchange_identification|Connection (reset|closed) by .* port|banner exchange/;

/** A shared connection that does not serve us (MaxSessions, or its end): one of our own may. */
const NOT_SHARED = /mux_client|[Cc]ontrol ?[Ss]ocket|Session open refused|master/;

/** What ssh said, on one line, without what is no failure. */
export function sshWords(text: string): string {
  const lines = text.split('\n').map((line) => line.trim().replace(/\.$/, ''));
  return lines.filter((line) => line !== '' && !HARMLESS.test(line)).join('; ');
}

/** Whether to try once more; nothing was started. */
export function isBusy({ end }: NoAnswerError): boolean {
  return end?.code === SSH_FAILED && BUSY.test(end.said);
}

/** Whether to try once more over a connection of our own. */
export function isOfSharing({ end }: NoAnswerError): boolean {
  return end === undefined || (end.code === SSH_FAILED && NOT_SHARED.test(end.said));
}

/** Why a node cannot be used, in ssh's own words where it has any. */
export function connectFailure(
  { end, greeting }: NoAnswerError,
  node: string,
  destination: string,
  timeoutMs: number,
): LxcriError {
  const trial = `try: ssh ${destination} true`;
  if (end === undefined)
    return unreachable(
      `node ${node} did not answer over ssh within ${timeoutMs / 1000} s${quoted(greeting)}`,
      `${trial}; its login shell must not read standard input`,
    );
  const { code, said } = end;
  if (code === NO_COMMAND)
    return new LxcriError('NoMethodAvailable', `node ${node} has no perl: ${said}`, 'install perl-base there');
  if (code === SSH_FAILED) {
    if (
      /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|host key .* (changed|is known)/i.test(said)
    )
      return new LxcriError(
        'AuthenticationFailed',
        `the host key of node ${node} is not the known one: ${shortened(said)}`,
        /HAS CHANGED/.test(said)
          ? 'somebody may stand in between; if the node was installed anew, remove its old key (ssh-keygen -R)'
          : `make the key known: ssh ${destination} true`,
      );
    if (/Permission denied|Too many authentication failures/.test(said))
      return new LxcriError(
        'AuthenticationFailed',
        `node ${node} refused the login: ${shortened(said)}`,
        `load a key that it accepts (ssh-add), and ${trial}`,
      );
    return unreachable(`node ${node} cannot be reached over ssh: ${shortened(said) || 'ssh failed'}`, trial);
  }
  if (/^sudo: /m.test(said) || /; sudo: /.test(said))
    return new LxcriError(
      'PermissionDenied',
      `no root by sudo on node ${node}: ${shortened(said)}`,
      'allow that user to run perl by sudo without a password, or log in as root',
    );
  return unreachable(
    `the login on node ${node} ended with ${code ?? 'a signal'} and no answer${said === '' ? quoted(greeting) : `: ${shortened(said)}`}`,
    trial,
  );
}

function unreachable(message: string, hint: string): LxcriError {
  return new LxcriError('PlatformUnreachable', message, hint);
}

/** Its end says most. */
function shortened(text: string): string {
  return text.length > 300 ? `...${text.slice(-300)}` : text;
}

function quoted(greeting: string): string {
  const text = greeting.trim();
  return text === '' ? '' : `; it said ${JSON.stringify(text.slice(-200))}`;
}
