import { DEFAULT_LXCPATH } from '../lxc/lxcpath.ts';
import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { Status } from '../model/status.ts';
import { sshCall } from '../values/ssh-call.ts';
import { fullReference } from './locate.ts';

/** How messages name a container: by its id, and its name where that is another. */
export function label({ id, name, platform }: Container): string {
  return name === id ? id : platform === 'docker' ? name : platform === 'kubernetes' ? id : `${id} (${name})`;
}

/**
 * The error of a container that does not run.
 *
 * @param consequence what cannot be done therefore.
 * @param hint what to do about one that is not even starting. Default: how to start it.
 */
export function notRunning(
  container: Container,
  status: Status,
  consequence = '',
  hint = startHint(container),
): LxcriError {
  const isStarting = status === 'starting';
  return new LxcriError(
    'ContainerNotRunning',
    `container ${label(container)} ${isStarting ? 'is starting' : `is not running (${status})`}${consequence}`,
    isStarting ? `wait for it with: proxmox-lxcri start --wait ${shortReference(container)}` : hint,
  );
}

/** The error of a container that never runs, because others are made of it. */
export function neverRuns(code: 'ContainerNotRunning' | 'OperationFailed', container: Container): LxcriError {
  return new LxcriError(
    code,
    `container ${label(container)} is a template, which never runs`,
    'clone it, and use that',
  );
}

/** What to do about a container that is not running. */
function startHint(container: Container): string {
  if (container.remote !== undefined && container.control === undefined)
    return `start it with: ${onItsNode(container, `pct start ${container.id}`)}`;
  return `start it with: proxmox-lxcri start ${shortReference(container)}`;
}

/** The words that mean it and no other. */
function shortReference(container: Container): string {
  if (container.platform === 'docker' || container.platform === 'kubernetes') return fullReference(container);
  const isUsual =
    container.api === undefined && (container.platform === 'proxmox' || container.lxc?.lxcpath === DEFAULT_LXCPATH);
  return isUsual ? container.id : fullReference(container);
}

/** What to do about a frozen container. */
export function thawHint(container: Container): string {
  const { platform, id, lxc, remote } = container;
  if (platform === 'docker') return `resume it with: docker unpause ${container.name}`;
  if (isMachine(container)) return `resume it on its node ${container.node ?? ''}: qm resume ${id}`;
  if (remote !== undefined) return `thaw it with: ${onItsNode(container, `pct resume ${id}`)}`;
  return `thaw it with: ${platform === 'proxmox' || lxc === undefined ? `pct resume ${id}` : `lxc-unfreeze -P ${lxc.lxcpath} -n ${lxc.name}`}`;
}

/** What to do about a lock of the Proxmox configuration. */
export function unlockHint(container: Container): string {
  const unlock = isMachine(container)
    ? `on its node ${container.node ?? ''}: qm unlock ${container.id}`
    : onItsNode(container, `pct unlock ${container.id}`);
  return `wait until that task has ended; if none is running: ${unlock}`;
}

function isMachine({ api }: Container): boolean {
  return api?.type === 'qemu';
}

/** A command of the node that the container is on. */
function onItsNode({ node, remote, api }: Container, command: string): string {
  if (remote === undefined) return command;
  // Between the nodes of one cluster ssh needs to be told nothing; where else it goes, a context knows.
  return api === undefined ? `ssh ${node} ${command}` : sshCall(remote.ssh, command);
}

/** The error of a container whose monitor cannot be asked from here. */
export function unreachable(container: Container): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `the monitor of container ${label(container)} runs in another network namespace`,
    'run this in the network namespace that LXC was started in: nsenter -t 1 -n proxmox-lxcri ...',
  );
}

/** The error of a guest of which only its place is known. */
export function offline(container: Container): LxcriError {
  return new LxcriError(
    'PlatformUnreachable',
    `the node ${container.node ?? ''} of container ${label(container)} is offline`,
    'see what the cluster says of it: pvecm status',
  );
}
