/** A guest's configuration file, as the API shows it. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { died } from './failure.ts';
import type { NodeState } from './node-state.ts';

export type GuestType = 'lxc' | 'qemu';

const FOLDERS = { lxc: 'lxc', qemu: 'qemu-server' } as const;
const NUMBERS =
  /^(cores|cpulimit|cpuunits|memory|swap|template|tty|unprivileged|onboot|protection|console|debug|sockets)$/;

export interface Configuration {
  readonly current: ReadonlyMap<string, string>;
  readonly pending: ReadonlyMap<string, string>;
  /** The raw lines of LXC: `lxc.*`. */
  readonly raw: readonly (readonly [string, string])[];
  readonly description: string;
  readonly digest: string;
}

/** @throws ApiFailure as the server says it of a guest that is not on this node. */
export function loadConfiguration(node: NodeState, type: GuestType, vmid: number): Configuration {
  const inNode = `nodes/${node.name}/${FOLDERS[type]}/${vmid}.conf`;
  const path = join(node.tree.dir, inNode);
  if (!existsSync(path)) throw died(`Configuration file '${inNode}' does not exist`);
  return parseConfiguration(readFileSync(path, 'utf8'));
}

function parseConfiguration(text: string): Configuration {
  const current = new Map<string, string>();
  const pending = new Map<string, string>();
  const raw: [string, string][] = [];
  let description = '';
  let section = '';
  for (const line of text.split('\n')) {
    section = /^\[(.*)\]$/.exec(line)?.[1] ?? section;
    const [, key = '', value = ''] = /^([a-z][a-z0-9_.-]*):\s*(.*?)\s*$/i.exec(line) ?? [];
    if (section === 'pve:pending' && key !== '') pending.set(key, value);
    if (section !== '') continue;
    if (line.startsWith('#')) description += `${decodeURIComponent(line.slice(1))}\n`;
    else if (key.startsWith('lxc.')) raw.push([key, value]);
    else if (key !== '') current.set(key, value);
  }
  return { current, pending, raw, description, digest: createHash('sha1').update(text).digest('hex') };
}

/** What GET .../config gives: with the changes that wait for the next start, unless the current values are asked for. */
export function configurationDocument(configuration: Configuration, onlyCurrent: boolean): Record<string, unknown> {
  const { current, pending, raw, description, digest } = configuration;
  const values = new Map([...current, ...(onlyCurrent ? [] : pending)]);
  const numbers = [...values].map(([key, value]) => [key, NUMBERS.test(key) ? Number(value) : value] as const);
  return {
    ...Object.fromEntries(numbers),
    ...(raw.length === 0 ? {} : { lxc: raw }),
    ...(description === '' ? {} : { description }),
    digest,
  };
}
