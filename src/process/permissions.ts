import { fchmodSync, fchownSync, fstatSync } from 'node:fs';
import type { Stats } from 'node:fs';

/** The mode that LXC gives the streams. */
const OF_LXC = 0o700;
const PERMISSION_BITS = 0o7777;

/**
 * Remembers to whom files belong that are handed to `lxc-attach` as its streams: it gives them to the container's root,
 * with mode 0700, whatever they are (fix_stdio_permissions() in LXC's src/lxc/attach.c). A file that a caller's shell has
 * made, or a disk, would stay so.
 *
 * @returns gives back what LXC has taken; nothing that somebody else has changed meanwhile.
 */
export function rememberPermissions(fds: readonly number[]): () => void {
  const before = fds.flatMap((fd) => {
    const file = statOf(fd);
    return file === undefined ? [] : [{ fd, file }];
  });
  return () => {
    for (const { fd, file } of before) {
      const now = statOf(fd);
      // Its number may be that of another file by now.
      if (now === undefined || now.ino !== file.ino || now.dev !== file.dev) continue;
      if ((now.mode & PERMISSION_BITS) !== OF_LXC) continue;
      try {
        if (now.uid !== file.uid) fchownSync(fd, file.uid, file.gid);
        if (now.mode !== file.mode) fchmodSync(fd, file.mode & PERMISSION_BITS);
      } catch {
        // On a file system that is read-only by now, for one, or of another host.
      }
    }
  };
}

function statOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}
