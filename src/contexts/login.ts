import { isDeepStrictEqual } from 'node:util';

import { LxcriError } from '../model/errors.ts';
import type { ApiRoute } from '../model/remote.ts';
import { ApiClient } from '../proxmox/api/client.ts';
import type { Credentials, Ticket } from '../proxmox/api/credentials.ts';
import { permissions } from '../proxmox/api/permissions.ts';
import * as shape from '../proxmox/api/shape.ts';
import { shownAddress } from '../proxmox/api/trust.ts';
import { untilAborted } from '../process/until-aborted.ts';
import type { Asker } from '../terminal/prompt.ts';
import { serverAddress } from '../values/address.ts';
import { tokenId, userName } from '../values/identity.ts';
import { InvalidValue } from '../values/invalid-value.ts';
import { endpointsOf, ticketStore } from './client.ts';
import type { Context, Host, Identity, SecretSource } from './context.ts';
import { currentContext, loadContexts } from './contexts.ts';
import { changeContexts } from './edit.ts';
import { ownContextFile, tokenFile } from './files.ts';
import { trustedHost } from './login-trust.ts';
import type { TrustedHost } from './login-trust.ts';
import { removePrivateFile, writePrivateFile } from './private-file.ts';
import { askSecondFactor } from './second-factor.ts';
import { readSecret } from './secrets.ts';
import type { WrittenContext } from './yaml.ts';

/** What was said in the call; each value is valid. What is missing is asked for, or taken from the context as it is. */
export interface LoginRequest {
  readonly name: string | undefined;
  readonly address: { readonly host: string; readonly port: number } | undefined;
  readonly user: string | undefined;
  readonly token: string | undefined;
  /** Absolute. */
  readonly caFile: string | undefined;
  readonly fingerprint: string | undefined;
  readonly bare: boolean | undefined;
  /** In place of those that the context has. */
  readonly routes: readonly ApiRoute[] | undefined;
  /** The password of the user, or the secret of the token. */
  readonly secret: string | undefined;
}

/** What the world around a login is. */
export interface LoginPlace {
  readonly env: NodeJS.ProcessEnv;
  readonly stateDirectory: string;
  /** Absent: nobody can be asked. */
  readonly ask: Asker | undefined;
  /** Ends what is asked of servers. */
  readonly abort?: AbortSignal | undefined;
}

/** What came of a login. */
export interface Login {
  readonly context: string;
  readonly server: string;
  /** Of Proxmox VE. */
  readonly version: string;
  /** `user@realm`, or with a token `user@realm!name`. */
  readonly identity: string;
  /** The privileges by path. */
  readonly permissions: Readonly<Record<string, readonly string[]>>;
  /** What runs commands over the API without being named. */
  readonly routes: readonly ApiRoute[];
}

/** A context before it is stored. */
interface Draft {
  readonly name: string;
  readonly old: Context | undefined;
  readonly hosts: readonly [Host, ...Host[]];
  readonly caFile: string | undefined;
}

const VERSION = shape.object({ version: shape.text });

/** Who logs in. */
interface Claim {
  readonly kind: Identity['kind'];
  /** `user@realm`, or the id of the token. */
  readonly id: string;
  /** Where the user keeps the secret; it stays there. */
  readonly source: SecretSource | undefined;
}

type ServerAddress = Pick<Host, 'host' | 'port'>;

/**
 * Logs in to a cluster: makes sure who the server is, that the secret is right, and only then stores the context, the
 * secret of a token, or the ticket that was got for a password, which itself is stored nowhere.
 *
 * @throws LxcriError; the reason of `abort`, and then nothing is stored.
 */
export async function login(request: LoginRequest, place: LoginPlace): Promise<Login> {
  const { abort } = place;
  const draft = await draftOf(request, place);
  const claim = await claimOf(request, draft, place.ask);
  if (request.routes?.includes('node-shell') === true) {
    refuseNodeShell(claim);
    await consentToNodeShell(draft, place.ask);
  }
  const secret = await secretOf(request, claim, place);
  let ticket: Ticket | undefined;
  const client = new ApiClient({
    hosts: endpointsOf(draft),
    credentials: credentialsOf(claim, secret, place.ask),
    tickets: { load: () => undefined, save: (got) => (ticket = got), remove: () => (ticket = undefined) },
  });
  try {
    await client.logIn(abort);
    const { version } = await client.ask(VERSION, 'GET', '/version', {}, abort);
    const granted = await permissions(client, undefined, abort);
    abort?.throwIfAborted();
    await store(draft, claim, secret, request, place.env);
    if (ticket !== undefined) ticketStore(draft, place.stateDirectory).save(ticket);
    return {
      context: draft.name,
      server: shownAddress(draft.hosts[0]),
      version,
      identity: claim.id,
      permissions: Object.fromEntries(
        [...granted].map(([path, privileges]) => [path, [...privileges.keys()].toSorted()]),
      ),
      routes: request.routes ?? draft.old?.routes ?? [],
    };
  } finally {
    client.close();
  }
}

/** What could never run anything is not promised. */
function refuseNodeShell({ kind, id }: Claim): void {
  if (kind === 'user' && id === 'root@pam') return;
  const who = kind === 'token' ? `no token, so not to ${id}` : `not to ${id}`;
  throw new LxcriError(
    'UsageError',
    `node-shell would never work: Proxmox gives a root shell of a node only to root@pam with the password, ${who}, whatever the privileges`,
    'log in with --user root@pam, or leave out --route node-shell',
  );
}

/**
 * A shell of a node is more than any privilege that a cluster gives: at a terminal somebody is told so, and asked. In a
 * script the flag says it.
 */
async function consentToNodeShell({ name, old }: Draft, ask: Asker | undefined): Promise<void> {
  if (ask === undefined || old?.routes.includes('node-shell') === true) return;
  ask.tell(
    `node-shell: to run a command in a container, ${name} will open a shell of root on the container's node. Whoever can use
this context on this computer can then become root on every node of that cluster without being asked.`,
  );
  if (await ask.confirm('Let commands use it?')) return;
  throw new LxcriError(
    'UsageError',
    'node-shell was not allowed, and nothing is stored',
    'leave out --route node-shell',
  );
}

async function draftOf(request: LoginRequest, { env, ask, abort }: LoginPlace): Promise<Draft> {
  const contexts = await loadContexts(env);
  const current =
    request.name === undefined && request.address === undefined ? currentContext(contexts, env) : undefined;
  const named = request.name === undefined ? undefined : contexts.all.get(request.name);
  const address = request.address ?? (named ?? current)?.hosts[0] ?? (await askAddress(ask));
  const name = request.name ?? current?.name ?? nameFor(address, contexts.all);
  const old = contexts.all.get(name);
  const caFile = request.caFile ?? old?.caFile;
  // Who says what proves the server is asked for nothing else.
  const asked = request.fingerprint === undefined && request.caFile === undefined ? ask : undefined;
  const trusted: TrustedHost[] = [];
  for (const host of hostsOf(request, old, address)) {
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    trusted.push(await untilAborted(trustedHost(host, caFile, asked), abort));
  }
  // Of several some may be down now.
  const [first] = trusted;
  if (first?.failure !== undefined && trusted.every(({ failure }) => failure !== undefined)) throw first.failure;
  const hosts = trusted.map(({ host }) => host) as [Host, ...Host[]];
  return { name, old, hosts, caFile };
}

/** The one that was named, and where a context has it already, the other ones of that context. */
function hostsOf({ caFile, fingerprint }: LoginRequest, old: Context | undefined, address: ServerAddress): Host[] {
  const hosts = old?.hosts ?? [];
  const known = hosts.find((host) => isSame(host, address));
  const first = { ...address, fingerprint: fingerprint ?? known?.fingerprint };
  const others = known === undefined ? [] : hosts.filter((host) => host !== known);
  return [first, ...others].map((host) => (caFile === undefined ? host : { ...host, fingerprint: undefined }));
}

function isSame(one: ServerAddress, other: ServerAddress): boolean {
  return one.host === other.host && one.port === other.port;
}

async function askAddress(ask: Asker | undefined): Promise<ServerAddress> {
  if (ask === undefined)
    throw new LxcriError('UsageError', 'no server was named', 'name one: proxmox-lxcri login --host pve1.example:8006');
  return valid('the address', serverAddress, await ask.line('Server (such as pve1.example:8006): '));
}

/** The context that has this server, or a new one with the server's own name, without its domain. */
function nameFor(address: ServerAddress, all: ReadonlyMap<string, Context>): string {
  const [known, another] = [...all.values()].filter(({ hosts }) => hosts.some((host) => isSame(host, address)));
  if (known !== undefined && another === undefined) return known.name;
  const { host } = address;
  const name = /^[\d.]+$/.test(host) ? host : (host.split('.')[0] ?? host);
  const hint = `give it one: proxmox-lxcri login NAME --host ${shownAddress(address)}`;
  if (host.includes(':')) throw new LxcriError('UsageError', 'the context needs a name', hint);
  const taken = all.get(name);
  if (taken === undefined) return name;
  const message = `there is a context ${name} already, for ${shownAddress(taken.hosts[0])}; the new one needs another name`;
  throw new LxcriError('UsageError', message, hint);
}

async function claimOf(
  { user, token, secret }: LoginRequest,
  { name, old }: Draft,
  ask: Asker | undefined,
): Promise<Claim> {
  const known = old === undefined ? undefined : claimOfContext(old, name);
  const named: Claim | undefined =
    user === undefined
      ? token === undefined
        ? undefined
        : { kind: 'token', id: token, source: undefined }
      : { kind: 'user', id: user, source: undefined };
  if (known !== undefined && (named === undefined || (named.kind === known.kind && named.id === known.id))) {
    // A secret that was given for a token takes the place of the one that the user keeps somewhere.
    return secret !== undefined && known.kind === 'token' ? { ...known, source: undefined } : known;
  }
  return named ?? askClaim(ask);
}

/** The secret that we stored is not the user's own: a login is to replace it. */
function claimOfContext({ identity, file }: Context, name: string): Claim {
  if (identity.kind === 'user') return { kind: 'user', id: identity.user, source: identity.password };
  const { id, secret: source } = identity;
  const isOurs = source.kind === 'file' && source.path === tokenFile(file, name);
  return { kind: 'token', id, source: isOurs ? undefined : source };
}

async function askClaim(ask: Asker | undefined): Promise<Claim> {
  if (ask === undefined)
    throw new LxcriError('UsageError', 'no user was named', 'name one: --user root@pam, or --token root@pam!NAME');
  const answer = (await ask.line('User, or API token (user@realm!name) [root@pam]: ')) || 'root@pam';
  if (answer.includes('!')) return { kind: 'token', id: valid('the token', tokenId, answer), source: undefined };
  return { kind: 'user', id: valid('the user', userName, answer), source: undefined };
}

async function secretOf(
  { secret }: LoginRequest,
  { kind, id, source }: Claim,
  { env, ask }: LoginPlace,
): Promise<string> {
  if (secret !== undefined) return secret;
  const what = kind === 'token' ? `the secret of the token ${id}` : `the password of ${id}`;
  if (source !== undefined) return readSecret(source, what, env);
  if (ask === undefined) {
    const flag = kind === 'token' ? '--token-stdin' : '--password-stdin';
    throw new LxcriError('UsageError', `${what} is not known, and nobody can be asked here`, `give it with ${flag}`);
  }
  return kind === 'token'
    ? (await ask.secret(`Secret of the token ${id}: `)).trim()
    : ask.secret(`Password of ${id}: `);
}

function credentialsOf({ kind, id }: Claim, secret: string, ask: Asker | undefined): Credentials {
  const known = (): Promise<string> => Promise.resolve(secret);
  if (kind === 'token') return { kind, id, secret: known };
  const withSecondFactor =
    ask === undefined ? {} : { secondFactor: (kinds: readonly string[]) => askSecondFactor(ask, id, kinds) };
  return { kind: 'password', user: id, password: known, ...withSecondFactor };
}

async function store(
  { name, old, hosts, caFile }: Draft,
  claim: Claim,
  secret: string,
  { bare, routes }: Pick<LoginRequest, 'bare' | 'routes'>,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const file = old?.file ?? ownContextFile(env);
  const path = claim.kind === 'token' && claim.source === undefined ? tokenFile(file, name) : undefined;
  const keys: WrittenContext = {
    ...(isDeepStrictEqual(hosts, old?.hosts) ? {} : { hosts: hosts.map(writtenHost) }),
    caFile,
    ...(bare === undefined ? {} : { bare: bare || undefined }),
    ...(routes === undefined ? {} : { routes: routes.length === 0 ? undefined : routes }),
    ...(claim.kind === 'token' ? NO_PASSWORD : NO_TOKEN),
    ...(claim.kind === 'token' ? { token: claim.id, user: undefined } : { user: claim.id, token: undefined }),
    ...(claim.source !== undefined ? {} : { ...NO_PASSWORD, ...NO_TOKEN, tokenFile: path }),
  };
  if (path !== undefined) writePrivateFile(path, `${secret}\n`);
  try {
    await changeContexts(file, { set: { name, keys } });
  } catch (error) {
    if (path !== undefined && old === undefined) removePrivateFile(path);
    throw error;
  }
}

function writtenHost(host: Host): unknown {
  const address = shownAddress(host);
  return host.fingerprint === undefined ? address : { address, fingerprint: host.fingerprint };
}

const NO_PASSWORD = { passwordFile: undefined, passwordVariable: undefined, passwordCommand: undefined };
const NO_TOKEN = { tokenFile: undefined, tokenVariable: undefined, tokenCommand: undefined };

function valid<T>(what: string, read: (text: string) => T, text: string): T {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    throw new LxcriError('UsageError', `${what}: ${error.message}`, error.hint);
  }
}
