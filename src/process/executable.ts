import { accessSync, constants, statSync } from 'node:fs';

/** Cron and hooks run with a PATH that lacks the administrator's directories. */
const STANDARD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Finds a program as a shell would, and also in the standard directories.
 *
 * @returns its absolute path, or `undefined`.
 */
export function findExecutable(name: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  for (const directory of `${path}:${STANDARD_PATH}`.split(':')) {
    if (!directory.startsWith('/')) continue;
    const file = `${directory}/${name}`;
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not here: the next directory.
    }
  }
  return undefined;
}

/**
 * The whole environment of a helper that runs as root on this host. The caller's is not inherited: variables such as
 * LD_PRELOAD, LXC_* or PERL5LIB would act on the helper. A UTF-8 locale keeps tools that decode their arguments exact.
 */
export function helperEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return { PATH: STANDARD_PATH, LC_ALL: 'C.UTF-8', ...extra };
}
