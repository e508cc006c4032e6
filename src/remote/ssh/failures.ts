import type { SshTarget } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import { sshCall } from '../../values/ssh-call.ts';
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

/** As much of what others say as a message of ours may have, in characters. */
const MAX_SHOWN = 300;

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
  target: SshTarget,
  timeoutMs: number,
): LxcriError {
  const trial = `try: ${byHand(target, ['-o', 'BatchMode=yes'])} true`;
  if (end === undefined)
    return unreachable(
      `node ${node} did not answer over ssh within ${timeoutMs / 1000} s${quoted(greeting)}`,
      `${trial}; its login shell must not read standard input`,
    );
  const { code, said } = end;
  if (code === SSH_FAILED) return sshFailure(said, node, target, trial);
  if (/\bsudo: (command )?not found/.test(said))
    return new LxcriError('NoMethodAvailable', `node ${node} has no sudo`, 'install it there, or log in as root');
  if (/(^|; )sudo: (?!perl: )/.test(said))
    return new LxcriError(
      'PermissionDenied',
      `no root by sudo on node ${node}: ${shortened(said)}`,
      'allow that user to run perl by sudo without a password, or log in as root',
    );
  if (code === NO_COMMAND || /\bperl: (command )?not found/.test(said))
    return new LxcriError('NoMethodAvailable', `node ${node} has no perl${detail(said)}`, 'install perl-base there');
  return unreachable(
    `the login on node ${node} ended with ${code ?? 'a signal'} and no answer${detail(said) || quoted(greeting)}`,
    trial,
  );
}

function sshFailure(said: string, node: string, target: SshTarget, trial: string): LxcriError {
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* (changed|is known)|Host key verification failed/i.test(said))
    return hostKeyFailure(said, node, target);
  if (/Permission denied|Too many authentication failures/.test(said)) {
    const wantsPassword = /\([^)]*(password|keyboard-interactive)[^)]*\)/.test(said);
    return new LxcriError(
      'AuthenticationFailed',
      `node ${node} refused the login: ${shortened(said)}`,
      wantsPassword
        ? `no password is asked for here: give it a key (ssh-copy-id ${target.destination}), or load one (ssh-add); ${trial}`
        : `load a key that it accepts (ssh-add), and ${trial}`,
    );
  }
  return unreachable(`node ${node} cannot be reached over ssh${detail(said) || ': ssh failed'}`, trial);
}

/** As we call it, without what only we need. */
function byHand({ destination, options }: SshTarget, more: readonly string[] = []): string {
  return sshCall({ destination, options: [...more, ...options], sudo: false });
}

function hostKeyFailure(said: string, node: string, target: SshTarget): LxcriError {
  const isOfCluster = target.options.some((option) => /^UserKnownHostsFile=.*\/nodes\//.test(option));
  const publish = `its cluster keeps the key: run pvecm updatecerts on ${node}`;
  if (!/HAS CHANGED/.test(said))
    return new LxcriError(
      'AuthenticationFailed',
      `the host key of node ${node} is not known${detail(said)}`,
      isOfCluster ? publish : `log in once by hand and compare its fingerprint: ${byHand(target)}`,
    );
  const sent = /fingerprint for the (\S+) key sent by the remote host is; ([^;\s]+)/.exec(said);
  const known = /Offending \S+ key in ([^;]+)/.exec(said);
  return new LxcriError(
    'AuthenticationFailed',
    [
      `the host key of node ${node} is not the known one`,
      ...(sent === null ? [] : [`it has sent the ${sent[1]} key ${sent[2]}`]),
      ...(known === null ? [] : [`another one is in ${known[1]}`]),
    ].join('; '),
    `somebody may stand in between; only if the node was installed anew, ${isOfCluster ? publish : 'remove its old key (ssh-keygen -R)'}`,
  );
}

function unreachable(message: string, hint: string): LxcriError {
  return new LxcriError('PlatformUnreachable', message, hint);
}

function detail(said: string): string {
  return said === '' ? '' : `: ${shortened(said)}`;
}

/** Its end says most; what is left of it is whole sentences. */
function shortened(text: string): string {
  const sentences = text.split('; ');
  let shown = sentences.pop() ?? '';
  if (shown.length > MAX_SHOWN) return `${shown.slice(0, MAX_SHOWN)} ...`;
  for (const sentence of sentences.toReversed()) {
    if (sentence.length + shown.length > MAX_SHOWN) return `... ${shown}`;
    shown = `${sentence}; ${shown}`;
  }
  return shown;
}

function quoted(greeting: string): string {
  const text = greeting.trim();
  return text === '' ? '' : `; it said ${JSON.stringify(text.slice(-200))}`;
}
