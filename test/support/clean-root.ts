/** A Debian of its own for a package to be installed in: its files are its own, the kernel is this host's. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { treeOf } from './rootfs/cache.ts';
import type { Recipe } from './rootfs/recipe.ts';
import { run } from './run.ts';
import type { RunOptions, RunResult } from './run.ts';
import { scratchDirectory } from './scratch.ts';

const TIMEOUT_MS = 300_000;

/** Mounts that only the shell sees, and that end with it; then the script in the root. */
const ENTER = `set -e
lower=$1 here=$2 script=$3
shift 3
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$here/upper,workdir=$here/work" "$here/root"
mount -t proc proc "$here/root/proc"
for path in /sys /dev /dev/pts "$@"; do
  mkdir -p "$here/root$path"
  mount --rbind "$path" "$here/root$path"
done
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=xterm \
  chroot "$here/root" bash -c "cd && $script"
`;

/** What can be done in a clean root. */
export interface CleanRoot {
  /** Its own files, from this host: what was not written by the root itself is not there. */
  readonly upper: string;
  /** Runs a script of bash in it. */
  run(script: string, options?: RunOptions): Promise<RunResult>;
  /** The same; throws when it fails. */
  must(script: string, options?: RunOptions): Promise<string>;
  /** The paths of all its files, without those that any use of dpkg or LXC leaves. */
  files(): Promise<string[]>;
}

/**
 * Makes a root; it is removed at the end of the run.
 *
 * @param shared directories of this host that are also there, at the same paths.
 */
export function cleanRoot(recipe: Recipe, shared: readonly string[] = []): CleanRoot {
  const here = scratchDirectory();
  for (const name of ['upper', 'work', 'root']) mkdirSync(join(here, name));
  const lower = treeOf(recipe);
  const enter: CleanRoot['run'] = (script, options) =>
    run(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ENTER, 'sh', lower, here, script, ...shared], {
      timeoutMs: TIMEOUT_MS,
      cwd: '/',
      ...options,
    });
  const must: CleanRoot['must'] = async (script, options) => {
    const { exitCode, stdout, stderr } = await enter(script, options);
    if (exitCode !== 0) throw new Error(`${script}: ended with ${exitCode}: ${stdout}${stderr}`);
    return stdout;
  };
  return {
    upper: join(here, 'upper'),
    run: enter,
    must,
    async files() {
      const found = await must(
        `find / -xdev -not -path '/tmp/*' -not -path '/var/cache/*' -not -path '/var/lib/dpkg/*' \
          -not -path '/var/lib/apt/*' -not -path '/var/log/*' -not -path '/run/lxc*' -print | sort`,
      );
      return found.split('\n');
    },
  };
}
