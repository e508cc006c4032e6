/** Bundles for a real runc, with hooks: each is a container of a static busybox. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findExecutable } from '../../src/process/executable.ts';
import { needs } from './component.ts';
import { rootfsOf } from './rootfs/cache.ts';
import { mustSync, type RunResult, run, runSync } from './run.ts';
import { scratchDirectory } from './scratch.ts';

/** A hook as it stands in a bundle's config.json. */
export interface RuncHook {
  path: string;
  /** The first one is the program's own name. */
  args: readonly string[];
  env?: readonly string[];
  /** Seconds. */
  timeout?: number;
}

export interface BundleOptions {
  id: string;
  /** What runs in it. */
  command: readonly string[];
  annotations?: Record<string, string>;
  /** By the name of the phase. */
  hooks: Record<string, readonly RuncHook[]>;
}

export interface Bundle {
  readonly id: string;
  /** Creates, starts, waits and deletes; its output is that of the command, and what runc says. */
  run(): Promise<RunResult>;
  /** Takes away what is left of it. Harmless when nothing is. */
  remove(): void;
}

/** For a suite that needs runc: without it the suite is skipped, and fails where all components must be there. */
export function skipWithoutRunc(context: { skip(): void }): void {
  needs(context, 'runc', findExecutable('runc') !== undefined);
}

export function createBundle({ id, command, annotations, hooks }: BundleOptions): Bundle {
  const directory = scratchDirectory();
  const root = join(directory, 'state');
  const bundle = join(directory, 'bundle');
  mkdirSync(bundle);
  mustSync(['runc', 'spec', '--bundle', bundle]);
  const file = join(bundle, 'config.json');
  const config = JSON.parse(readFileSync(file, 'utf8')) as { process: object };
  const changed = {
    ...config,
    process: { ...config.process, terminal: false, args: command },
    root: { path: rootfsOf('busybox'), readonly: true },
    ...(annotations === undefined ? {} : { annotations }),
    hooks,
  };
  writeFileSync(file, JSON.stringify(changed));
  return {
    id,
    run: () => run(['runc', '--root', root, 'run', '--bundle', bundle, id]),
    remove() {
      runSync(['runc', '--root', root, 'delete', '--force', id]);
    },
  };
}
