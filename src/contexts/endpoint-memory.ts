import type { EndpointMemory } from '../proxmox/exec-endpoint.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

/** A server that is updated may have one some day. */
const MEMORY_MS = 30 * 24 * 3_600_000;

/** The form of the file; another one is not understood. */
const FORMAT = 1;

/**
 * Remembers in a file of ours.
 *
 * @param server identifies the servers that it is about.
 */
export function endpointMemory(path: string, server: string): EndpointMemory {
  return {
    isAbsent() {
      try {
        const kept = JSON.parse(readPrivateFile(path) ?? 'null') as Record<string, unknown> | null;
        const age = Date.now() - Number(kept?.['askedAt']);
        return kept?.['format'] === FORMAT && kept['server'] === server && age >= 0 && age < MEMORY_MS;
      } catch {
        return false;
      }
    },
    keepAbsent() {
      try {
        writePrivateFile(path, `${JSON.stringify({ format: FORMAT, server, askedAt: Date.now() })}\n`);
      } catch {
        // The next call asks again.
      }
    },
  };
}
