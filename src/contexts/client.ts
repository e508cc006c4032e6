/** The API of a context's cluster. */
import { readFileSync, statSync } from 'node:fs';

import { LxcriError } from '../model/errors.ts';
import type { ApiAccess } from '../model/remote.ts';
import { ApiClient } from '../proxmox/api/client.ts';
import type { Credentials } from '../proxmox/api/credentials.ts';
import type { GuestMemory } from '../proxmox/api/guests.ts';
import type { EndpointMemory } from '../proxmox/exec-endpoint.ts';
import { shownAddress } from '../proxmox/api/trust.ts';
import type { Endpoint, Trust } from '../proxmox/api/trust.ts';
import { readSecret } from './secrets.ts';
import type { Context, Host, Identity } from './context.ts';
import { endpointMemory } from './endpoint-memory.ts';
import { endpointFile, guestsFile, ticketFile } from './files.ts';
import { guestMemory } from './guest-memory.ts';
import { FileTicketStore } from './ticket-store.ts';

const MAX_CA_BYTES = 1024 ** 2;

/** What a client needs beside its context. */
export interface ClientOptions {
  readonly env: NodeJS.ProcessEnv;
  /** The setting of that name. */
  readonly stateDirectory: string;
  /** Runs nothing for a secret, and logs nobody in: there is a ticket, or a token that can be read, or no answer. */
  readonly silent?: boolean | undefined;
}

/**
 * The API of a context's cluster. Nothing is connected, and no secret read, before the first call.
 *
 * @throws LxcriError `ConfigError` when the file of its authorities cannot be used.
 */
export function clientFor(context: Context, options: ClientOptions): ApiClient {
  const store = ticketStore(context, options.stateDirectory);
  return new ApiClient({
    hosts: endpointsOf(context),
    credentials: credentialsOf(context, options),
    loginCall: `proxmox-lxcri login ${context.name}`,
    tickets: {
      load: (user) => store.load(user),
      save: (ticket) => attempt(() => store.save(ticket)),
      remove: () => attempt(() => store.remove()),
    },
  });
}

/** Whom a context is to its servers. */
export function loginOf(identity: Identity): ApiAccess['login'] {
  if (identity.kind === 'token') return 'token';
  return identity.user === 'root@pam' ? 'root-ticket' : 'ticket';
}

/** Where the ticket of a context is. */
export function ticketStore(
  context: Pick<Context, 'name' | 'hosts' | 'caFile'>,
  stateDirectory: string,
): FileTicketStore {
  return new FileTicketStore(ticketFile(stateDirectory, context.name), serverOf(context));
}

/** What is remembered of the servers of a context. */
export function endpointsKnown(context: Context, stateDirectory: string): EndpointMemory {
  return endpointMemory(endpointFile(stateDirectory, context.name), serverOf(context));
}

/**
 * The servers of a context, and how each proves who it is.
 *
 * @throws LxcriError `ConfigError`
 */
export function endpointsOf({
  hosts: [first, ...others],
  caFile,
}: Pick<Context, 'hosts' | 'caFile'>): [Endpoint, ...Endpoint[]] {
  let ca: string | undefined;
  const endpoint = ({ host, port, fingerprint }: Host): Endpoint => {
    if (fingerprint === undefined && caFile !== undefined) ca ??= readAuthorities(caFile);
    const trust: Trust =
      fingerprint === undefined
        ? { kind: 'ca', ...(ca === undefined ? {} : { ca }) }
        : { kind: 'fingerprint', sha256: fingerprint };
    return { host, port, trust };
  };
  return [endpoint(first), ...others.map(endpoint)];
}

/** Secrets are read when they are needed: a ticket that is kept needs none. */
function credentialsOf({ name, identity }: Context, { env, silent = false }: ClientOptions): Credentials {
  if (identity.kind === 'token') {
    const { id, secret } = identity;
    if (silent && secret.kind === 'command') return { kind: 'token', id, secret: () => Promise.reject(notAsked(name)) };
    return { kind: 'token', id, secret: () => readSecret(secret, `the token ${id} of the context ${name}`, env) };
  }
  const { user, password } = identity;
  if (password === undefined || silent) return { kind: 'password', user };
  return {
    kind: 'password',
    user,
    password: () => readSecret(password, `the password of ${user} of the context ${name}`, env),
  };
}

function notAsked(context: string): LxcriError {
  return new LxcriError('AuthenticationFailed', `the token of the context ${context} is not asked for`);
}

/**
 * The authorities of a file.
 *
 * @throws LxcriError `ConfigError`
 */
export function readAuthorities(path: string): string {
  let text = '';
  try {
    const stats = statSync(path);
    if (stats.isFile() && stats.size <= MAX_CA_BYTES) text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LxcriError(
      'ConfigError',
      `caFile: ${path} cannot be read (${(error as Error).message})`,
      'copy it from a node: /etc/pve/pve-root-ca.pem',
    );
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new LxcriError(
    'ConfigError',
    `caFile: ${path} holds no certificate`,
    'it must be in PEM form, as /etc/pve/pve-root-ca.pem is on a node',
  );
}

/** The guests that are remembered of a context. */
export function guestsKnown(context: Context, stateDirectory: string): GuestMemory {
  return guestMemory(guestsFile(stateDirectory, context.name), serverOf(context));
}

/** A ticket is for these servers, as they are known by these proofs. */
function serverOf({ hosts, caFile }: Pick<Context, 'hosts' | 'caFile'>): string {
  return hosts.map((host) => `${shownAddress(host)} ${host.fingerprint ?? caFile ?? 'ca'}`).join(', ');
}

/** A ticket that cannot be kept costs the next call a login, but must not fail this one. */
function attempt(keep: () => unknown): void {
  try {
    keep();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
