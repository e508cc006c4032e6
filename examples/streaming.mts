/**
 * Copies a folder of a container into a compressed archive here, whatever its size, and back into another folder.
 *
 *     node streaming.mts CONTAINER FOLDER ARCHIVE COPY
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';

import { createRuntime } from 'proxmox-lxcri';

const [, , container = '', folder = '', archive = '', copy = ''] = process.argv;
const runtime = createRuntime();

const packing = runtime.exec(container, ['tar', '-C', folder, '-c', '.'], { stdout: 'pipe' });
// As fast as the disk takes it: the command waits for the reader, and memory stays flat.
await pipeline(packing.stdout, createGzip(), createWriteStream(archive, { mode: 0o600 }));
const packed = await packing;
if (packed.exitCode !== 0) {
  // Half an archive is worse than none.
  await rm(archive);
  throw new Error(packed.error?.message ?? `tar: ${packed.stderr}`);
}

const input = createReadStream(archive).pipe(createGunzip());
const unpacked = await runtime.exec(container, ['sh', '-c', 'mkdir -p "$1" && tar -C "$1" -x', 'sh', copy], { input });
if (unpacked.exitCode !== 0) throw new Error(unpacked.error?.message ?? `tar: ${unpacked.stderr}`);
console.log(`${folder} of ${container} is in ${archive} and ${copy}`);
