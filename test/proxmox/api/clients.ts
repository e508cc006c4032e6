/** Clients for the tests of the API: of the double, or of any server. */
import { readFileSync } from 'node:fs';

import { isLxcriError } from '../../../src/model/errors.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import { ApiClient } from '../../../src/proxmox/api/client.ts';
import type { ApiOptions } from '../../../src/proxmox/api/client.ts';
import type { Ticket, TicketStore } from '../../../src/proxmox/api/credentials.ts';
import type { Endpoint } from '../../../src/proxmox/api/trust.ts';
import type { Cluster, Host } from '../../support/pve/api/cluster.ts';

export const PASSWORD = 'pass word;&=+%ü';
export const TOKEN_SECRET = 'fee8f2c1-4a2f-4a7b-882c-c611e17fbf27';
export const TOTP_SECRET = 'JBSWY3DPEHPK3PXP';
export const RECOVERY_KEY = '1234-5678-9abc-def0';

/** Those that the tests of the API act as. */
export const USERS = {
  'root@pam': {
    password: PASSWORD,
    tokens: { full: { secret: TOKEN_SECRET }, none: { secret: TOKEN_SECRET, acl: {} } },
  },
  'ro@pve': { password: PASSWORD, acl: { '/': 'PVEAuditor' } },
  'tfa@pve': {
    password: PASSWORD,
    acl: { '/': 'PVEAdmin' },
    secondFactor: { totpSecret: TOTP_SECRET, recoveryKeys: [RECOVERY_KEY] },
  },
} as const;

export const TOKEN = { kind: 'token', id: 'root@pam!full', secret: () => Promise.resolve(TOKEN_SECRET) } as const;

export function pinned({ port, fingerprint }: Pick<Host, 'port' | 'fingerprint'>, host = '127.0.0.1'): Endpoint {
  return { host, port, trust: { kind: 'fingerprint', sha256: fingerprint } };
}

export function byAuthority({ port, caFile }: Pick<Host, 'port' | 'caFile'>, host = '127.0.0.1'): Endpoint {
  return { host, port, trust: { kind: 'ca', ca: readFileSync(caFile, 'utf8') } };
}

/** A client that acts with the token unless something else is said, and waits for seconds at most. */
export function clientOf(hosts: readonly Endpoint[], options: Partial<ApiOptions> = {}): ApiClient {
  return new ApiClient({
    hosts: hosts as ApiOptions['hosts'],
    credentials: TOKEN,
    connectTimeoutMs: 5000,
    answerTimeoutMs: 20_000,
    ...options,
  });
}

/** Keeps tickets in memory, and what was done with them. */
export class MemoryTickets implements TicketStore {
  kept: Ticket | undefined;
  removed = 0;

  load(): Ticket | undefined {
    return this.kept;
  }

  save(ticket: Ticket): void {
    this.kept = ticket;
  }

  remove(): void {
    this.kept = undefined;
    this.removed += 1;
  }
}

/** The error of ours that a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<LxcriError> {
  let value: unknown;
  try {
    value = await call;
  } catch (error) {
    if (isLxcriError(error)) return error;
    throw error;
  }
  throw new Error(`no failure, but ${JSON.stringify(value)}`);
}

/** The requests that a cluster has answered, as `node METHOD path -> status`; and forgets them. */
export function takeRequests(cluster: Cluster): string[] {
  return cluster.requests
    .splice(0)
    .map(({ node, method, path, status }) => `${node} ${method} ${path.replace('/api2/json', '')} -> ${status}`);
}
