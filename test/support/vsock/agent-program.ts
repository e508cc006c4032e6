/** The guest agent of this project, as a program. */
import { join, resolve } from 'node:path';

import { findExecutable } from '../../../src/process/executable.ts';
import { needs } from '../component.ts';
import { must } from '../run.ts';
import { scratchDirectory } from '../scratch.ts';

const MODULE = resolve(import.meta.dirname, '../../../guest-agent');

let built: Promise<string> | undefined;

/** @param context mocha's `this` in a hook or test. */
export function needsGo(context: { skip(): void }): void {
  needs(context, 'Go', findExecutable('go') !== undefined);
}

/** The path of the agent, static, built once a run. */
export function agentProgram(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const output = join(scratchDirectory(), 'agent');
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
  await must(['go', 'build', '-trimpath', '-ldflags=-s -w', '-o', output, '.'], {
    cwd: MODULE,
    env,
    timeoutMs: 300_000,
  });
  return output;
}
