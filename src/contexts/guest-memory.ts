import { writeCacheFile } from '../config/cache-file.ts';
import type { Guest, GuestMemory } from '../proxmox/api/guests.ts';
import { readPrivateFile } from './private-file.ts';

/** The form of the file; another one is not understood. */
const FORMAT = 1;

/** Some fifty bytes for each of tens of thousands of guests. */
const MAX_BYTES = 4 * 1024 ** 2;

/** A list that is younger is not written again. */
const SETTLED_MS = 2000;

/** What is kept of a guest. */
type Entry = readonly [vmid: string, type: Guest['type'], node: string, name: string | null, status: Guest['status']];

/**
 * Remembers the guests of a cluster in a file of ours.
 *
 * @param server identifies the servers that it is about.
 */
export function guestMemory(path: string, server: string): GuestMemory {
  const known: GuestMemory['known'] = () => {
    try {
      const kept = JSON.parse(readPrivateFile(path, MAX_BYTES) ?? 'null') as Record<string, unknown> | null;
      if (kept?.['format'] !== FORMAT || kept['server'] !== server) return undefined;
      const ageMs = Date.now() - Number(kept['askedAt']);
      return { ageMs: ageMs >= 0 ? ageMs : Number.POSITIVE_INFINITY, guests: (kept['guests'] as Entry[]).map(guestOf) };
    } catch {
      return undefined;
    }
  };
  return {
    known,
    keep(guests) {
      if ((known()?.ageMs ?? SETTLED_MS) < SETTLED_MS) return;
      const entries = guests.map(
        ({ vmid, type, node, name = null, status }): Entry => [vmid, type, node, name, status],
      );
      writeCacheFile(path, `${JSON.stringify({ format: FORMAT, server, askedAt: Date.now(), guests: entries })}\n`);
    },
  };
}

function guestOf([vmid, type, node, name, status]: Entry): Guest {
  const unknown = { template: false, lock: undefined, tags: [], pool: undefined, uptime: undefined };
  return { vmid, type, node, name: name ?? undefined, status, ...unknown };
}
