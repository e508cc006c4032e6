import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** open(2): a file without a name. Node has no constant for it. */
const O_TMPFILE = 0o20_200_000;

/** A file that only this process and those it tells the path can reach; it is gone when it is closed, or we are. */
export interface UnnamedFile {
  readonly fd: number;
  /** Its path, for other programs, while it is open. */
  readonly path: string;
  read(): string;
  close(): void;
}

/** For what is small: in memory where the system offers it. */
const MEMORY_FIRST: readonly string[] = ['/run', tmpdir()];

/** For what may be large: on a disk where there is one (/tmp is in memory on newer systems). */
export const DISK_FIRST: readonly string[] = ['/var/tmp', tmpdir()];

/**
 * Makes a file without a name.
 *
 * @param directories where, in order of preference.
 * @throws Error of the system when none of them takes it.
 */
export function openUnnamedFile(directories = MEMORY_FIRST): UnnamedFile {
  const fd = openAnywhere(directories);
  return {
    fd,
    path: `/proc/${process.pid}/fd/${fd}`,
    read: () => readFileSync(`/proc/self/fd/${fd}`, 'utf8'),
    close: () => closeSync(fd),
  };
}

function openAnywhere(directories: readonly string[]): number {
  for (const directory of directories) {
    try {
      return openSync(directory, O_TMPFILE | constants.O_RDWR, 0o600);
    } catch {
      // Not every file system has such files.
    }
  }
  const directory = mkdtempSync(`${tmpdir()}/proxmox-lxcri-`);
  try {
    return openSync(`${directory}/file`, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
