/** The LXC configuration of a test container. */
import { ID_BASE, ID_COUNT } from '../rootfs/shift.ts';

export interface ConfigInput {
  name: string;
  lower: string;
  upper: string;
  unprivileged: boolean;
  /** Of the kind, then of the test: a later line wins. */
  lines: readonly string[];
}

export function configText({ name, lower, upper, unprivileged, lines }: ConfigInput): string {
  const idmap = [`lxc.idmap = u 0 ${ID_BASE} ${ID_COUNT}`, `lxc.idmap = g 0 ${ID_BASE} ${ID_COUNT}`];
  return [
    `lxc.rootfs.path = overlayfs:${lower}:${upper}`,
    `lxc.uts.name = ${name}`,
    ...(unprivileged ? idmap : []),
    // No bridge, no profile loaded: nothing of the host's set-up matters.
    'lxc.net.0.type = empty',
    'lxc.apparmor.profile = unconfined',
    'lxc.pty.max = 64',
    'lxc.tty.max = 0',
    'lxc.mount.auto = proc:mixed sys:mixed',
    'lxc.mount.entry = tmpfs dev/shm tmpfs create=dir,optional 0 0',
    ...lines,
    '',
  ].join('\n');
}
