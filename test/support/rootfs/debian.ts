/** Debian 12, for the kinds `debian` and `systemd`. */
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustSync } from '../run.ts';
import type { Recipe } from './recipe.ts';

const SUITE = 'bookworm';
const PACKAGES = ['bash', 'coreutils', 'util-linux', 'vim-tiny', 'procps', 'passwd', 'systemd-sysv', 'dbus'];
const BUILD_TIMEOUT_MS = 600_000;

/** Units that start something by themselves after a while, or cannot work in an unprivileged container. */
const MASKED_UNITS = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'sys-kernel-config.mount',
];

export const debian: Recipe = {
  name: 'debian',
  sources: [new URL(import.meta.url), new URL('reaper.sh', import.meta.url)],
  build(root) {
    mustSync(
      [
        'mmdebstrap',
        '--quiet',
        '--variant=minbase',
        '--dpkgopt=force-unsafe-io',
        ...PATIENTLY,
        `--include=${PACKAGES.join(',')}`,
        SUITE,
        root,
        ...hostMirror(),
      ],
      { timeoutMs: BUILD_TIMEOUT_MS },
    );
    const commands = [
      ['groupadd', '-g', '2000', 'extra'],
      ['groupadd', '-g', '2001', 'shared'],
      ['useradd', '-m', '-u', '1000', '-U', '-s', '/bin/bash', '-G', 'extra,shared', 'app'],
    ];
    for (const command of commands) {
      mustSync(['chroot', root, ...command]);
    }
    const units = join(root, 'etc/systemd/system');
    mkdirSync(units, { recursive: true });
    for (const unit of MASKED_UNITS) {
      symlinkSync('/dev/null', join(units, unit));
    }
    const reaper = join(root, 'usr/local/sbin/reaper');
    writeFileSync(reaper, readFileSync(new URL('reaper.sh', import.meta.url)));
    chmodSync(reaper, 0o755);
    // Copied by mmdebstrap from the host, which is no business of a container's.
    rmSync(join(root, 'etc/resolv.conf'), { force: true });
    writeFileSync(join(root, 'etc/hostname'), '');
  },
};

/** For mmdebstrap: a mirror that does not answer is asked again, and not for ever. */
export const PATIENTLY = ['--aptopt=Acquire::Retries "5"', '--aptopt=Acquire::http::Timeout "20"'];

/** The mirror the host itself uses, so that a host which reaches only its own mirror works too. */
export function hostMirror(): string[] {
  const targets = mustSync([
    'apt-get',
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
    'Origin: Debian',
    'Label: Debian',
  ]);
  return targets.stdout.split('\n').filter(Boolean).slice(0, 1);
}
