import type { Container } from '../../model/container.ts';
import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { locate } from '../locate.ts';
import type { HostInventory } from '../locate.ts';
import { parseReference } from '../reference.ts';
import { validateRunning } from '../validate.ts';
import type { HookEvent } from './event.ts';
import { phasesOf } from './phases.ts';
import type { OciState } from './state.ts';

/**
 * The container of a Proxmox hookscript.
 *
 * @param event its subject is a VMID.
 * @returns the container reference.
 * @throws LxcriError `PlatformUnreachable` on a host without Proxmox, `NoMethodAvailable` for a virtual machine,
 *   `ContainerNotRunning` in a phase in which it does not run.
 */
export function proxmoxTarget(event: HookEvent, { pve }: HostInventory): string {
  const { subject: vmid } = event;
  if (!pve.present) {
    throw new LxcriError(
      'PlatformUnreachable',
      'this host is not a Proxmox VE node, or its configuration is not mounted',
      'run this on the node of the guest, or start pve-cluster there',
    );
  }
  if (pve.guest(vmid)?.type === 'qemu') {
    throw new LxcriError(
      'NoMethodAvailable',
      'it is a virtual machine (QEMU), and commands are run in containers only',
      `take the hookscript out of its configuration: qm set ${vmid} --delete hookscript`,
    );
  }
  refuseWhereItDoesNotRun(event);
  return `pve:${vmid}`;
}

/**
 * The container of an OCI hook: the one that the annotation names, else the one whose id the state has.
 *
 * @param annotation the key of the annotation, if one was asked for.
 * @returns the container reference.
 * @throws LxcriError `MissingContainerId` without that annotation, `ContainerNotRunning` in a phase in which the
 *   container itself does not run, `ContainerNotFound` for an id that is not ours.
 */
export async function ociTarget(
  event: HookEvent,
  state: OciState,
  annotation: string | undefined,
  inventory: HostInventory,
): Promise<string> {
  if (annotation !== undefined) {
    const target = state.annotations.get(annotation);
    if (target === undefined)
      throw new LxcriError(
        'MissingContainerId',
        `the state has no annotation ${JSON.stringify(annotation)}`,
        "set it to the container's name in annotations of the bundle's config.json",
      );
    if (target === '')
      throw new LxcriError(
        'MissingContainerId',
        `the annotation ${JSON.stringify(annotation)} of the state is empty`,
        "set it to the container's name in annotations of the bundle's config.json",
      );
    return target;
  }
  const container = locateOwn(state.id, inventory);
  refuseWhereItDoesNotRun(event);
  const running = await validateRunning(container);
  if (running.lxc?.initPid !== undefined && state.pid !== running.lxc.initPid) {
    throw new LxcriError(
      'ContainerNotFound',
      `the LXC container of that name is another one: its init is ${running.lxc.initPid}, the state's pid is ${state.pid}`,
      HINT,
    );
  }
  return state.id;
}

const HINT = 'name the LXC container in an annotation of the bundle, and that one with --container-annotation KEY';

/** An id is only a name, whatever it looks like: no scheme of ours. */
function locateOwn(id: string, inventory: HostInventory): Container {
  try {
    if (!id.includes(':')) return locate(parseReference(id), inventory);
  } catch (error) {
    if (!isLxcriError(error) || (error.code !== 'ContainerNotFound' && error.code !== 'UsageError')) throw error;
  }
  throw new LxcriError('ContainerNotFound', "the state's id is not that of an LXC container", HINT);
}

function refuseWhereItDoesNotRun({ platform, phases }: HookEvent): void {
  if (phases.some(({ runs }) => runs)) return;
  const able = phasesOf(platform).filter(({ runs }) => runs);
  throw new LxcriError(
    'ContainerNotRunning',
    'the container does not run in this phase, so nothing can be run in it',
    `phases in which it does: ${able.map(({ name }) => name).join(', ')}`,
  );
}
