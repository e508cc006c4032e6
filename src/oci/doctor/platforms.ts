import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { PlatformDiagnosis } from '../../model/diagnosis.ts';
import { isLxcriError } from '../../model/errors.ts';
import type { ContainerSummary } from '../../model/status.ts';
import { findExecutable, helperEnvironment } from '../../process/executable.ts';
import { asHostFailure } from '../host-failure.ts';
import { listContainers } from '../list.ts';
import type { HostInventory } from '../locate.ts';
import { isRoot } from '../privileges.ts';

/** The containers of this host, or why they cannot be listed. */
export type Listing = { readonly containers: readonly ContainerSummary[] } | { readonly failure: string };

/** Lists the containers of this host, and is content with the reason where that fails. */
export async function tryToList(inventory: HostInventory): Promise<Listing> {
  try {
    return { containers: await listContainers(inventory) };
  } catch (thrown) {
    const error = asHostFailure(thrown);
    if (isLxcriError(error)) return { failure: error.message };
    throw error;
  }
}

/** The platforms that this version serves, as they are on this host. */
export async function diagnosePlatforms(inventory: HostInventory, listing: Listing): Promise<PlatformDiagnosis[]> {
  const { pve, lxcpaths } = inventory;
  const version = await toolVersion('lxc-attach');
  const failure = 'failure' in listing ? `; ${listing.failure}` : '';
  return [
    {
      platform: 'proxmox',
      present: pve.present,
      detail: pve.present
        ? `node ${pve.node ?? 'unknown'}${failure}`
        : 'this host is not a Proxmox VE node, or its configuration is not mounted',
      ...counted(listing, 'proxmox', pve.present),
    },
    {
      platform: 'lxc',
      present: version !== undefined,
      detail:
        version === undefined ? 'lxc-attach is not installed' : `LXC ${version}, in ${lxcpaths.join(', ')}${failure}`,
      ...counted(listing, 'lxc', true),
    },
  ];
}

function counted(
  listing: Listing,
  wanted: ContainerSummary['platform'],
  present: boolean,
): Pick<PlatformDiagnosis, 'containers' | 'running'> {
  if (!present) return { containers: 0, running: 0 };
  if ('failure' in listing) return { containers: null, running: null };
  const found = listing.containers.filter(({ platform }) => platform === wanted);
  // Without root, those that run look as if they were in another network namespace.
  if (!isRoot() && found.some(({ status }) => status === 'unreachable'))
    return { containers: found.length, running: null };
  return { containers: found.length, running: found.filter(({ status }) => status === 'running').length };
}

/** What a tool of LXC says of its version; `undefined` where it cannot be run. */
export async function toolVersion(tool: string): Promise<string | undefined> {
  const file = findExecutable(tool);
  if (file === undefined) return undefined;
  try {
    const { stdout } = await promisify(execFile)(file, ['--version'], {
      cwd: '/',
      env: helperEnvironment(),
      timeout: 10_000,
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
