/**
 * Makes this Debian host ready for the tests against real containers: `npm run setup:host`, as root.
 * Does only what is missing; with --check it only says what that is, and fails if there is something.
 * `npm test` calls it with --before-tests: where it may not install (no root, no Debian, a Proxmox node that somebody
 * relies on) it says so and the tests skip what they cannot run.
 */
import { existsSync } from 'node:fs';
import { installPackages, missingPackages } from './host/packages.ts';
import { makeRootfs, missingRootfs } from './host/rootfs.ts';
import { addRange, filesWithoutRange } from './host/subids.ts';

interface Step {
  what: string;
  missing: () => string[];
  provide: (missing: readonly string[]) => void | Promise<void>;
}

// In this order: the later ones use what the earlier ones provide.
const STEPS: readonly Step[] = [
  { what: 'packages', missing: missingPackages, provide: installPackages },
  { what: 'ids for unprivileged containers', missing: filesWithoutRange, provide: addRange },
  { what: 'root file systems and programs', missing: missingRootfs, provide: makeRootfs },
];

const FLAGS = ['--check', '--before-tests'];

async function main(args: readonly string[]): Promise<number> {
  const check = args.includes('--check');
  const unknown = args.filter((arg) => !FLAGS.includes(arg));
  if (unknown.length > 0) {
    return fail(`unknown argument ${unknown[0]}; there are: ${FLAGS.join(' ')}`);
  }
  const obstacle = obstacleTo(check, args.includes('--before-tests'));
  if (obstacle !== undefined) {
    fail(obstacle);
    return args.includes('--before-tests') ? 0 : 1;
  }
  let complete = true;
  for (const { what, missing, provide } of STEPS) {
    const names = missing();
    if (names.length === 0) {
      console.log(`${what}: all there`);
    } else if (check) {
      complete = false;
      console.log(`${what}: missing: ${names.join(', ')}`);
    } else {
      console.log(`${what}: providing ${names.join(', ')} ...`);
      // oxlint-disable-next-line no-await-in-loop
      await provide(names);
    }
  }
  return complete ? 0 : 1;
}

function obstacleTo(check: boolean, beforeTests: boolean): string | undefined {
  if (!existsSync('/usr/bin/apt-get')) return 'this needs a Debian host (no apt-get here)';
  if (!check && process.getuid?.() !== 0) return 'run this as root';
  if (beforeTests && existsSync('/etc/pve'))
    return 'this is a Proxmox node: run `npm run setup:host` if packages may be installed on it';
  return undefined;
}

function fail(reason: string): number {
  console.error(`setup-host: ${reason}`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2));
