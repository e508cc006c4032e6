/** Files that one container has beyond its kind's root file system. */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ID_BASE } from '../rootfs/shift.ts';

export interface ContainerFile {
  content: string | Buffer;
  /** Default 0644. */
  mode?: number;
  /** As seen inside; default root. */
  uid?: number;
  gid?: number;
}

/** Paths inside the container to what shall be there; a bare string or Buffer is the content. */
export type ContainerFiles = Record<string, string | Buffer | ContainerFile>;

export interface Layers {
  lower: string;
  upper: string;
  unprivileged: boolean;
}

/** Must happen before the container starts: an overlay's upper layer may not be changed under a mount. */
export function writeFiles(layers: Layers, files: ContainerFiles): void {
  const base = layers.unprivileged ? ID_BASE : 0;
  for (const [path, given] of Object.entries(files)) {
    const file = typeof given === 'string' || Buffer.isBuffer(given) ? { content: given } : given;
    makeDirectory(layers, dirname(join('/', path)), base);
    const target = join(layers.upper, path);
    writeFileSync(target, file.content);
    chownSync(target, (file.uid ?? 0) + base, (file.gid ?? 0) + base);
    chmodSync(target, file.mode ?? 0o644);
  }
}

/** In the upper layer a directory hides the owner and mode of the one below: they have to be copied. */
function makeDirectory(layers: Layers, path: string, base: number): void {
  if (path === '/') {
    return;
  }
  const upper = join(layers.upper, path);
  if (existsSync(upper)) {
    return;
  }
  makeDirectory(layers, dirname(path), base);
  const below = lstatSync(join(layers.lower, path), { throwIfNoEntry: false });
  if (below !== undefined && !below.isDirectory()) {
    throw new Error(`${path} is no directory in the container; name the file by the path behind the link`);
  }
  mkdirSync(upper);
  chownSync(upper, below?.uid ?? base, below?.gid ?? base);
  chmodSync(upper, (below?.mode ?? 0o755) & 0o7777);
}
