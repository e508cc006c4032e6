import { LxcriError } from '../../model/errors.ts';

/** What became of a request to start something in a guest. */
export type Launched =
  | { readonly kind: 'started'; readonly pid: number }
  /** Certainly not started, and why. */
  | { readonly kind: 'refused'; readonly error: LxcriError }
  /** Certainly not started: the guest has no such program. */
  | { readonly kind: 'no-program'; readonly said: string }
  /** It may have been started; the answer did not come. */
  | { readonly kind: 'unclear'; readonly reason: string };

/**
 * What a failed `agent/exec` means. Whatever is not known to come before the start may come after it.
 * The words are those of qemu-server (PVE/QemuServer/Agent.pm, QMPClient.pm) and of the agent (qga/commands.c).
 *
 * @param guest how messages name it.
 * @param vmid its number.
 */
export function launchFailure(error: LxcriError, guest: string, vmid: string): Exclude<Launched, { kind: 'started' }> {
  const { code, message } = error;
  if (code === 'ConnectionLost') return { kind: 'unclear', reason: message };
  // Of all others the server or the way there has said that nothing was done.
  if (code !== 'OperationFailed') return { kind: 'refused', error };
  const missing = agentMissing(message, guest, vmid);
  if (missing !== undefined) return { kind: 'refused', error: missing };
  const [, said] = /Agent error: (.+)$/.exec(message) ?? [];
  // Its own words for an agent that gave no answer at all.
  if (said?.startsWith("can't execute command") === true) return { kind: 'unclear', reason: message };
  if (said !== undefined && /guest-exec.*(disabled|not allowed|not been found|not found)/.test(said)) {
    return { kind: 'refused', error: notAllowed(guest, said) };
  }
  if (said !== undefined) return { kind: 'no-program', said };
  if (/Parameter verification failed|for data too large/.test(message)) return { kind: 'refused', error };
  return { kind: 'unclear', reason: message };
}

/** The error of a guest whose agent cannot be asked; the server looks for it before it passes anything on. */
function agentMissing(message: string, guest: string, vmid: string): LxcriError | undefined {
  if (message.includes('No QEMU guest agent configured')) {
    return new LxcriError(
      'NoMethodAvailable',
      `the QEMU guest agent is not enabled in the configuration of ${guest}`,
      `enable it on its node (qm set ${vmid} --agent 1), stop and start the virtual machine, and have qemu-guest-agent run in it`,
    );
  }
  if (message.includes('QEMU guest agent is not running') || /unable to connect to VM \d+ qga socket/.test(message)) {
    return new LxcriError(
      'NoMethodAvailable',
      `the QEMU guest agent does not run in ${guest}`,
      'install and start qemu-guest-agent in it; just after its start wait until it has booted',
    );
  }
  if (/VM \d+ is not running/.test(message)) {
    return new LxcriError('ContainerNotRunning', `${guest} is not running`, 'start it first');
  }
  return undefined;
}

function notAllowed(guest: string, said: string): LxcriError {
  return new LxcriError(
    'NoMethodAvailable',
    `the QEMU guest agent of ${guest} does not run commands: ${said}`,
    'allow guest-exec and guest-exec-status in the guest (on RHEL: /etc/sysconfig/qemu-ga), and restart qemu-guest-agent',
  );
}
