import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** open(2): a file without a name. Node has no constant for it. */
const O_TMPFILE = 0o20_200_000;

/** A file that only this process and those it tells the path can reach; it is gone when it is closed, or we are. */
export interface UnnamedFile {
  /** Its path, for other programs, while it is open. */
  readonly path: string;
  read(): string;
  close(): void;
}

/** Makes a file without a name, in memory where the system offers it. */
export function openUnnamedFile(): UnnamedFile {
  const fd = openAnywhere();
  return {
    path: `/proc/${process.pid}/fd/${fd}`,
    read: () => readFileSync(`/proc/self/fd/${fd}`, 'utf8'),
    close: () => closeSync(fd),
  };
}

function openAnywhere(): number {
  for (const directory of ['/run', tmpdir()]) {
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
