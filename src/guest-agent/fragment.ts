/** What the guest agent brings into an initramfs that is there. */
import { cpio, DIRECTORY, FILE } from './cpio.ts';

/**
 * A directory of its own at the top: an entry of an archive takes the place of what an earlier archive has there, and a
 * directory `usr` or `sbin` of ours would that of a symbolic link.
 */
const HOME = 'proxmox-lxcri';

/**
 * An archive to be appended to an initramfs: the kernel unpacks several, one after the other (buffer-format.rst of its
 * documentation). With `rdinit=/proxmox-lxcri/init` it starts the agent.
 *
 * @param agent the program.
 * @param init the script that starts it, which looks for it beside itself.
 */
export function initramfsFragment(agent: Buffer, init: Buffer): Buffer {
  return cpio([
    { path: HOME, mode: DIRECTORY | 0o755 },
    { path: `${HOME}/proxmox-lxcri-agent`, mode: FILE | 0o755, content: agent },
    { path: `${HOME}/init`, mode: FILE | 0o755, content: init },
  ]);
}
