/** Images of the kinds of containers that the other tests use, as archives that containerd imports; nothing is pulled. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { treeOf } from '../rootfs/cache.ts';
import { type Kind, kindSpec } from '../rootfs/kinds.ts';
import type { Recipe } from '../rootfs/recipe.ts';
import { mustSync } from '../run.ts';

export type ImageName = Kind | 'pause';

/** As it stands in a pod; the registry does not exist. */
export function imageReference(name: ImageName): string {
  return `plx.test/${name}:1`;
}

/** The archive's path; made now if it is not there. */
export function imageArchive(name: ImageName): string {
  return join(treeOf(recipe(name)), 'image.tar');
}

/** What runs when the pod says nothing: it reaps the processes that are left to it, and does nothing else. */
function commandOf(name: ImageName): string[] {
  if (name === 'pause') return ['/bin/sleep', '1000000'];
  return name === 'debian' || name === 'systemd' ? ['/usr/local/sbin/reaper'] : ['/sbin/init'];
}

function recipe(name: ImageName): Recipe {
  const content = kindSpec(name === 'pause' ? 'noshell' : name).recipe;
  return {
    name: `image-${name}`,
    sources: [new URL(import.meta.url), ...content.sources],
    build(directory) {
      const parts = mkdtempSync(join(directory, 'parts-'));
      const layer = join(parts, 'layer.tar');
      mustSync(['tar', '--sort=name', '--numeric-owner', '-C', treeOf(content), '-cf', layer, '.'], {
        timeoutMs: 300_000,
      });
      const digest = createHash('sha256').update(readFileSync(layer)).digest('hex');
      writeFileSync(
        join(parts, 'config.json'),
        JSON.stringify({
          architecture: process.arch === 'x64' ? 'amd64' : process.arch,
          os: 'linux',
          config: {
            Cmd: commandOf(name),
            Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          },
          rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
        }),
      );
      // The format of `docker save`.
      writeFileSync(
        join(parts, 'manifest.json'),
        JSON.stringify([{ Config: 'config.json', RepoTags: [imageReference(name)], Layers: ['layer.tar'] }]),
      );
      const files = ['manifest.json', 'config.json', 'layer.tar'];
      mustSync(['tar', '-C', parts, '-cf', join(directory, 'image.tar'), ...files], { timeoutMs: 300_000 });
      rmSync(parts, { recursive: true });
    },
  };
}
