import { directoryPath } from '../values/directory.ts';
import { durationMs, timeoutMs } from '../values/duration.ts';
import { InvalidValue } from '../values/invalid-value.ts';
import { methodNames } from '../values/methods.ts';
import { sizeBytes } from '../values/size.ts';

/** A value as it is written: a text, or a list of texts. */
export type Written = string | readonly string[];

/** A kind of values: how one is written, and what it means. */
export interface Kind<T> {
  /** Between the elements of a list in a variable; absent where the value is no list. */
  readonly separator?: string;
  /** What is written in the file, for errors; with "a" or "an". */
  readonly form: string;
  /**
   * What a value means: durations are milliseconds, sizes bytes.
   *
   * @throws InvalidValue
   */
  readonly read: (written: Written) => T;
}

/** The methods that can serve the containers of a host. */
export const HOST_METHODS = ['proxmox-api', 'pct', 'lxc-attach'] as const;

/** The longest that something may be kept. */
const LONGEST_KEEP_MS = 3650 * 86_400_000;

export const KINDS = {
  methods: list('a list of methods such as [pct, lxc-attach]', ',', (names) => methodNames(names, HOST_METHODS)),
  directories: list('a list of directories such as [/var/lib/lxc, /srv/lxc]', ':', (paths) => paths.map(directoryPath)),
  directory: single('an absolute path', directoryPath),
  duration: single('a duration such as 30s', (text) => durationMs(text)),
  timeout: single('a duration such as 30s, or none', timeoutMs),
  age: single('a duration such as 7d', (text) => durationMs(text, LONGEST_KEEP_MS)),
  size: single('a size such as 8MiB', sizeBytes),
} as const;

export type KindName = keyof typeof KINDS;

function single<T>(form: string, read: (text: string) => T): Kind<T> {
  return {
    form,
    read: (written) => {
      if (typeof written === 'string') return read(written);
      throw new InvalidValue('a list is not what is wanted here', `write ${form}`);
    },
  };
}

function list<T>(form: string, separator: string, read: (texts: readonly string[]) => T[]): Kind<readonly T[]> {
  return {
    form,
    separator,
    read: (written) => {
      if (typeof written !== 'string' && written.length > 0) return read(written);
      throw new InvalidValue(typeof written === 'string' ? 'it is no list' : 'the list is empty', `write ${form}`);
    },
  };
}
