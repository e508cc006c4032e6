/**
 * Shows `exec` in a small real LXC container, which is made for it and removed again: `npm run demo`, as root, on Debian
 * or on a Proxmox node. With --yes it does not ask before it installs a package that is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';

import { startSmallContainer } from './container/container.ts';
import { decide } from './demo/consent.ts';
import { install, missingPackages } from './demo/packages.ts';
import { askYesNo } from './demo/question.ts';
import { showExec } from './demo/show.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PVE_DIRECTORY = process.env['PROXMOX_LXCRI_PVE_DIR'] ?? '/etc/pve';

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== '--yes');
  if (unknown !== undefined) return fail(`unknown argument ${unknown}; the only one there is: --yes`);
  if (process.geteuid?.() !== 0) return fail('containers are made by root; run: sudo npm run demo');
  const refusal = await provide(missingPackages(), args.includes('--yes'));
  if (refusal !== undefined) return fail(refusal);
  if (!existsSync(resolve(ROOT, 'dist/start.cjs'))) build();
  return tour();
}

/** Sees to the packages; returns why it cannot. */
async function provide(missing: readonly string[], agreed: boolean): Promise<string | undefined> {
  if (missing.length === 0) return undefined;
  const byHand = `run: apt-get install --no-install-recommends ${missing.join(' ')}`;
  const decision = decide({
    agreed,
    atTerminal: process.stdin.isTTY && process.stderr.isTTY,
    onProxmoxNode: existsSync(PVE_DIRECTORY),
  });
  if (decision === 'refuse') return `nothing is installed on a Proxmox node without --yes; ${byHand}`;
  if (decision === 'ask' && !(await askYesNo(`Install ${missing.join(' and ')}?`)))
    return `nothing was installed; ${byHand}`;
  note(`installing ${missing.join(' and ')} ...`);
  install(missing);
  return undefined;
}

function build(): void {
  note('building ...');
  const { status } = spawnSync(process.execPath, [resolve(ROOT, 'scripts/build.ts')], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('the build failed');
}

/** Whatever happens meanwhile, the container is removed. */
async function tour(): Promise<number> {
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals): void => void (interruptedBy ??= signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

  const container = await startSmallContainer(`lxcri-demo-${process.pid}`);
  note(`container ${container.name} is running`, '');
  try {
    if (interruptedBy === undefined) await showExec(container.name);
  } catch (error) {
    // A command that was interrupted does not end as expected.
    if (interruptedBy === undefined) throw error;
  } finally {
    await container.remove();
    note(`container ${container.name} is removed`);
  }
  return interruptedBy === undefined ? 0 : exitCodeOf(interruptedBy);
}

function fail(reason: string): number {
  console.error(`demo: ${reason}`);
  return 1;
}

/** What is not part of the show goes to standard error. */
function note(...lines: string[]): void {
  for (const line of lines) console.error(line);
}

// Whoever reads us may leave (`| head`): that is no reason to leave the container behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = fail(error instanceof Error ? error.message : String(error));
}
