import { isCsrfToken, isTicket } from '../proxmox/api/credentials.ts';
import type { Ticket, TicketStore } from '../proxmox/api/credentials.ts';
import { readPrivateFile, removePrivateFile, writePrivateFile } from './private-file.ts';

/** The form of the file; another one is not understood. */
const FORMAT = 1;

interface Kept extends Ticket {
  readonly format: number;
  readonly server: string;
}

/** Keeps the ticket of one context in a file of ours. */
export class FileTicketStore implements TicketStore {
  readonly #path: string;
  readonly #server: string;

  /** @param server identifies the servers that the ticket is for: another one never gets it. */
  constructor(path: string, server: string) {
    this.#path = path;
    this.#server = server;
  }

  /** A file that is not ours, or not understood, is no ticket. */
  load(user: string): Ticket | undefined {
    try {
      const kept = JSON.parse(readPrivateFile(this.#path) ?? 'null') as Kept | null;
      if (kept?.format !== FORMAT || kept.server !== this.#server || kept.user !== user) return undefined;
      const { ticket, csrfToken, issuedAt } = kept;
      const isWhole = isTicket(ticket) && isCsrfToken(csrfToken) && Number.isFinite(issuedAt);
      return isWhole ? { user, ticket, csrfToken, issuedAt } : undefined;
    } catch {
      return undefined;
    }
  }

  /** @throws LxcriError `ConfigError` */
  save(ticket: Ticket): void {
    const kept: Kept = { format: FORMAT, server: this.#server, ...ticket };
    writePrivateFile(this.#path, `${JSON.stringify(kept)}\n`);
  }

  /** Whatever it holds. */
  remove(): boolean {
    return removePrivateFile(this.#path);
  }
}
