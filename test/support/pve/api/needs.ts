/** What a suite with a double of the Proxmox API needs on the host. */
import { existsSync } from 'node:fs';
import { needs } from '../../component.ts';

const PROGRAMS = ['openssl', 'lxc-start', 'dtach'];

/** @param context mocha's `this` in a hook or test. */
export function needsApiDouble(context: { skip(): void }): void {
  for (const program of PROGRAMS) needs(context, program, existsSync(`/usr/bin/${program}`));
}
