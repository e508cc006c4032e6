/** The packages, made once for all suites of a run. */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { must } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** What Debian calls this machine. */
export const OWN_ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** Far more than it takes: on a busy machine nothing here is quick. */
export const TIMEOUT_MS = 600_000;

/** Of all that is made: 2023-11-14 22:13:20. */
const TIME = '1700000000';

/** What npm says when nobody answers, after it has tried again; not what it says of a package that is not there. */
const NETWORK_ERROR = /\b(ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E5\d\d)\b/;

let made: Promise<string> | undefined;

/** Makes packages in a new directory and returns it. */
export async function makePackages(options: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const directory = scratchDirectory();
  const script = join(ROOT, 'scripts/package.ts');
  await must([process.execPath, script, '--quick', `--output=${directory}`, ...options], {
    // Node's own cache of what npm runs is no file of ours.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1', SOURCE_DATE_EPOCH: TIME, ...env },
    timeoutMs: TIMEOUT_MS,
  });
  return directory;
}

/** The directory of the packages for this kind of machine. */
export function packages(): Promise<string> {
  made ??= makePackages([`--only=${OWN_ARCHITECTURE}`]);
  return made;
}

/** The one file of a directory whose name ends so. */
export function fileIn(directory: string, end: string): string {
  const [name, ...others] = readdirSync(directory).filter((each) => each.endsWith(end));
  if (name === undefined || others.length > 0) throw new Error(`${directory} holds not exactly one *${end}`);
  return join(directory, name);
}

/**
 * Skips a test, loudly, because the registry of npm did not answer.
 *
 * @throws Error with what was said, when that is not the reason.
 */
export function skipWithoutNetwork(context: { skip(): void }, said: string): void {
  if (!NETWORK_ERROR.test(said)) throw new Error(said);
  console.log(`SKIPPED: the registry of npm did not answer: ${said}`);
  context.skip();
}
