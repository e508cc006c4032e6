import { LxcriError } from '../../model/errors.ts';
import type { PodAccess } from '../../model/pod.ts';
import type { UserSpec } from '../../model/request.ts';
import { becoming } from '../attach/become.ts';
import { LOOKUP_SCRIPT } from '../attach/container-script.ts';
import { parseLookup } from '../attach/user-lookup.ts';
import type { ResolvedUser } from '../attach/user-lookup.ts';
import { NotStartedError } from '../method.ts';
import { saidBy } from './frame.ts';
import { lookup, quoted } from './scripts.ts';

/** A user of a container, and how a command becomes one of his. */
export interface PodUser {
  readonly user: ResolvedUser;
  /** Words before a command, quoted; none for the container's own user. */
  readonly prefix: readonly string[];
}

/** Says who the container's processes are. */
const OWN_IDS = `
while read -r plx_a plx_b plx_c; do
  case $plx_a in Uid:|Gid:|Groups:) echo "own-$plx_a $plx_b $plx_c" >&3 ;; esac
done </proc/self/status
`.replaceAll('plx_', 'PROXMOX_LXCRI_S_');

/**
 * Looks a user up in a container, and how to become him there: Kubernetes itself runs commands as the container's own user.
 *
 * @throws LxcriError UserNotFound; NotStartedError where there is no shell, or the container may not change its user.
 */
export async function podUser(access: PodAccess, spec: UserSpec, abort: AbortSignal): Promise<PodUser> {
  const said = await saidBy(access, lookup(OWN_IDS + LOOKUP_SCRIPT), [spec.user, spec.group ?? ''], abort);
  if (said === undefined) throw new NotStartedError('the container has no /bin/sh, which a change of the user needs');
  const lines = said.split('\n');
  const own = (name: string): string => lines.find((line) => line.startsWith(`own-${name}: `)) ?? '';
  const user = parseLookup(lines, spec);
  const [, ownUid = ''] = /^own-Uid: (\d+)/.exec(own('Uid')) ?? [];
  const [, ownGid = ''] = /^own-Gid: (\d+)/.exec(own('Gid')) ?? [];
  const ownGroups = own('Groups').split(/\s+/).slice(1).filter(Boolean);
  const isOwn = ownUid === String(user.uid) && ownGid === String(user.gid) && hasSame(ownGroups, user);
  if (isOwn) return { user, prefix: [] };
  if (ownUid !== '0')
    throw new LxcriError(
      'NoMethodAvailable',
      `the container runs as user ${ownUid}, who cannot become ${JSON.stringify(spec.user)}`,
      'leave out --user: the pod says who its containers run as (securityContext.runAsUser)',
    );
  return { user, prefix: becoming(user, 'container').map((word) => quoted(String(word))) };
}

function hasSame(ownGroups: readonly string[], { gid, groups }: ResolvedUser): boolean {
  const sorted = (ids: readonly (string | number)[]): string =>
    [...new Set(ids.map(String))]
      .filter((id) => id !== String(gid))
      .toSorted()
      .join(',');
  return sorted(ownGroups) === sorted(groups);
}
