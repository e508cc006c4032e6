import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

import { LxcriError } from '../../model/errors.ts';
import { isShellVariableName, isVariableName, shownVariableName } from '../../model/rules.ts';

/**
 * Reads `--env-file` files, then `--env` values; later ones win. No value ever appears in an error.
 *
 * @param caller the environment that `KEY` alone takes its value from.
 * @throws LxcriError `UsageError`
 */
export function parseEnvironment(
  entries: readonly string[],
  files: readonly string[],
  caller: NodeJS.ProcessEnv,
): Map<string, string> {
  const env = new Map<string, string>();
  for (const file of files) {
    readEnvFile(file).forEach((line, index) => {
      const entry = line.replace(/\r$/, '').trimStart();
      if (entry === '' || entry.startsWith('#')) return;
      set(env, entry, caller, `${file}:${index + 1}`);
    });
  }
  for (const entry of entries) set(env, entry, caller, '--env');
  return env;
}

function set(env: Map<string, string>, entry: string, caller: NodeJS.ProcessEnv, where: string): void {
  const equals = entry.indexOf('=');
  const key = equals === -1 ? entry : entry.slice(0, equals);
  if (!isVariableName(key)) {
    // What stands here may be a value whose "KEY=" was forgotten, so it is not shown unless it looks like a name.
    const shown = /^[\w.-]{1,40}$/.test(key) && equals !== -1 ? ` ${JSON.stringify(key)}` : '';
    throw new LxcriError(
      'UsageError',
      `${where}: not a variable name${shown}`,
      'write KEY=VALUE; KEY has no white space, and does not start with "-" or PROXMOX_LXCRI_',
    );
  }
  const value = equals === -1 ? callerValue(caller, key) : entry.slice(equals + 1);
  if (value === undefined)
    throw new LxcriError(
      'UsageError',
      isShellVariableName(key)
        ? `${where}: the variable ${key} is not set here`
        : `${where}: no such variable is set here`,
      isShellVariableName(key)
        ? `write ${key}=VALUE, or set it first`
        : 'write KEY=VALUE: the shell that starts this program passes on only names of letters, digits and "_"',
    );
  // Node shows bytes of the caller's environment that are not UTF-8 as U+FFFD; they are refused, not altered.
  if (value.includes('\0') || (equals === -1 && value.includes('\uFFFD'))) {
    throw new LxcriError(
      'UsageError',
      `${where}: the value of ${shownVariableName(key)} is not valid UTF-8 text`,
      'pass such data on standard input',
    );
  }
  env.set(key, value);
}

/** `process.env` also has what every object has: `toString` is no variable. */
function callerValue(caller: NodeJS.ProcessEnv, key: string): string | undefined {
  return Object.hasOwn(caller, key) ? caller[key] : undefined;
}

function readEnvFile(file: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LxcriError(
      'UsageError',
      `--env-file: cannot read ${JSON.stringify(file)} (${code ?? 'error'})`,
      'check its name and permissions',
    );
  }
  if (!isUtf8(bytes))
    throw new LxcriError(
      'UsageError',
      `--env-file: ${JSON.stringify(file)} is not valid UTF-8 text`,
      'pass such data on standard input',
    );
  return bytes.toString('utf8').split('\n');
}
