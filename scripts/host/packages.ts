/** The Debian packages that the tests need on the host. */
import { findExecutable } from '../../src/process/executable.ts';
import { mustSync, runSync } from '../../test/support/run.ts';

const PACKAGES = [
  // The containers, and what their root file systems are made of.
  'lxc',
  'uidmap',
  'busybox-static',
  'mmdebstrap',
  'debian-archive-keyring',
  // What the double of pct is written in, with its Encode.
  'perl',
  // The double of the Proxmox API: its certificates and its shared terminals.
  'openssl',
  'dtach',
  // Programs the tests run or compare with.
  'dash',
  'bash',
  'util-linux',
  'procps',
  'tmux',
  'strace',
  'runc',
  'crun',
  'hyperfine',
  'cron',
  // Engines of the tests' own; no service of them is started.
  'docker.io',
  'podman',
  // Pods of the tests' own, and Kubernetes' own client. That of another package serves as well, and two do not fit.
  'containerd',
  ...(findExecutable('kubectl') === undefined ? ['kubernetes-client'] : []),
  // Nodes that are reached over ssh.
  'openssh-client',
  'openssh-server',
  // The shells that complete our commands.
  'bash-completion',
  'zsh',
  'fish',
  // What looks at a unit of ours.
  'systemd',
  // Guests that talk over vsock; Debian has it for this kind of machine only.
  ...(process.arch === 'x64' ? ['user-mode-linux'] : []),
  'socat',
  // For building node-pty.
  'make',
  'g++',
  'python3',
  // For making packages, also for the other kind of machine, and for looking at them.
  process.arch === 'arm64' ? 'g++-x86-64-linux-gnu' : 'g++-aarch64-linux-gnu',
  'dpkg-dev',
  'lintian',
  'man-db',
  'mandoc',
  'shellcheck',
];

const APT_TIMEOUT_MS = 1_800_000;

/** A mirror that does not answer is asked again, and not for ever; another apt may be at work on a machine just booted. */
const PATIENTLY = ['Acquire::Retries=5', 'Acquire::http::Timeout=20', 'DPkg::Lock::Timeout=300'].flatMap((option) => [
  '-o',
  option,
]);

export function missingPackages(): string[] {
  // Unknown packages make dpkg-query fail, and are just not in its output.
  const query = runSync(['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\\n', ...PACKAGES]);
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return PACKAGES.filter((name) => !installed.has(name));
}

export function installPackages(names: readonly string[]): void {
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    // Starts no services: the tests need none of a bridge, a DHCP server or containers at boot.
    RUNLEVEL: '1',
  };
  mustSync(['apt-get', 'update', '-q', ...PATIENTLY], { env, timeoutMs: APT_TIMEOUT_MS });
  mustSync(['apt-get', 'install', '-q', '-y', '--no-install-recommends', ...PATIENTLY, ...names], {
    env,
    timeoutMs: APT_TIMEOUT_MS,
  });
}
