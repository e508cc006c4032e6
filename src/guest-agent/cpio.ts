/** Archives in cpio's "newc" format, which the kernel unpacks as its first file system (buffer-format.rst of its docs). */

export interface CpioEntry {
  /** From the root of the archive, without a slash at its beginning. Its directories have to come before it. */
  path: string;
  /** With the bits of the file's type, as in stat(2). */
  mode: number;
  uid?: number;
  gid?: number;
  /** What a file holds, or where a symbolic link points to. */
  content?: Buffer | string;
}

export const DIRECTORY = 0o040000;
export const FILE = 0o100000;

/** The archive of these entries: with their order, modes and owners, and no times. */
export function cpio(entries: Iterable<CpioEntry>): Buffer {
  const parts: Buffer[] = [];
  let inode = 0;
  for (const { path, mode, uid = 0, gid = 0, content = '' } of entries) {
    inode += 1;
    parts.push(...record(path, [inode, mode, uid, gid], Buffer.from(content)));
  }
  parts.push(...record('TRAILER!!!', [0, 0, 0, 0], Buffer.alloc(0)));
  return Buffer.concat(parts);
}

/** @param numbers inode, mode, uid and gid. */
function record(path: string, numbers: readonly number[], content: Buffer): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // Then: links, time, size, the device of the file and the device it is (two numbers each), length of the name, sum.
  const fields = [...numbers, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
