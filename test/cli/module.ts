/** Runs a piece of code that uses a module of src in a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';

/** Node's arguments for a program whose `module` is the given one of src. */
function argumentsFor(path: string, code: string): string[] {
  const url = new URL(`../../src/${path}`, import.meta.url).href;
  return ['--input-type=module', '-e', `const module = await import(${JSON.stringify(url)});\n${code}`];
}

/** The whole command line of such a program. */
export function moduleProgram(path: string, code: string): [string, ...string[]] {
  return [process.execPath, ...argumentsFor(path, code)];
}

export function startModule(path: string, code: string, options: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, argumentsFor(path, code), { stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

export function runModule(path: string, code: string, words: readonly string[] = []) {
  return spawnSync(process.execPath, [...argumentsFor(path, code), '--', ...words], { encoding: 'utf8' });
}
