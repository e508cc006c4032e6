import type { Context, SecretSource } from '../contexts/context.ts';
import type { Ticket } from '../proxmox/api/credentials.ts';
import { sanitize } from '../terminal/sanitize.ts';
import type { Column } from '../terminal/table.ts';

/** A ticket is taken for two hours. */
const TICKET_MS = 2 * 3_600_000;

/** A context as it is shown: where its secret is, but never the secret. */
export interface ShownContext {
  readonly name: string;
  /** Whether it is the one that is asked when none is named. */
  readonly current: boolean;
  readonly hosts: readonly { readonly host: string; readonly port: number; readonly fingerprint: string | null }[];
  readonly caFile: string | null;
  readonly user: string | null;
  readonly token: string | null;
  readonly secret: { readonly kind: SecretSource['kind']; readonly source: string } | null;
  /** Until when the ticket of the last login is taken; it is renewed before, where it is used. */
  readonly ticketUntil: string | null;
  readonly bare: boolean;
  readonly routes: readonly string[];
  readonly file: string;
  readonly line: number;
}

/**
 * @param current the current context, if there is one.
 * @param ticket the one that is kept for this context.
 */
export function contextDocument(
  context: Context,
  current: Context | undefined,
  ticket: Ticket | undefined,
): ShownContext {
  const { name, hosts, caFile, identity, bare, routes, file, line } = context;
  const source = identity.kind === 'token' ? identity.secret : identity.password;
  const until = ticket === undefined ? undefined : ticket.issuedAt + TICKET_MS;
  return {
    name,
    current: current?.name === name,
    hosts: hosts.map(({ host, port, fingerprint }) => ({ host, port, fingerprint: fingerprint ?? null })),
    caFile: caFile ?? null,
    user: identity.kind === 'user' ? identity.user : null,
    token: identity.kind === 'token' ? identity.id : null,
    secret: source === undefined ? null : { kind: source.kind, source: sourceOf(source) },
    ticketUntil: until === undefined || until < Date.now() ? null : new Date(until).toISOString(),
    bare,
    routes,
    file,
    line,
  };
}

/** Of a command only the program: its words may say too much. */
function sourceOf(source: SecretSource): string {
  if (source.kind === 'file') return source.path;
  return source.kind === 'variable' ? source.name : source.argv[0];
}

export const CONTEXT_COLUMNS: readonly Column<ShownContext>[] = [
  { header: 'CURRENT', value: ({ current }) => (current ? '*' : '') },
  { header: 'NAME', value: ({ name }) => name },
  { header: 'SERVERS', value: ({ hosts }) => hosts.map(addressOf).join(' ') },
  { header: 'AS', value: ({ user, token }) => user ?? token ?? '' },
  { header: 'BARE', value: ({ bare }) => (bare ? 'yes' : '') },
];

/** One line for each thing that is known. */
export function contextText(context: ShownContext): string {
  const { hosts, caFile, user, secret, ticketUntil } = context;
  const lines: [string, string][] = [
    ['name', `${context.name}${context.current ? ' (current)' : ''}`],
    ...hosts.map((host): [string, string] => ['server', `${addressOf(host)} ${trustOf(host.fingerprint, caFile)}`]),
    user === null ? ['token', context.token ?? ''] : ['user', user],
    ['secret', secret === null ? 'asked for by login' : `${secret.kind} ${secret.source}`],
    ...(user === null ? [] : [['ticket', ticketUntil === null ? 'none' : `until ${ticketUntil}`] as [string, string]]),
    ['bare', context.bare ? 'yes' : 'no'],
    ['routes', context.routes.length === 0 ? 'none' : context.routes.join(', ')],
    ['from', `${context.file}:${context.line}`],
  ];
  return lines.map(([key, value]) => `${`${key}:`.padEnd(9)}${sanitize(value)}\n`).join('');
}

function addressOf({ host, port }: { host: string; port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function trustOf(fingerprint: string | null, caFile: string | null): string {
  if (fingerprint !== null) return `pinned ${fingerprint}`;
  return `vouched for by ${caFile ?? 'the authorities of this host'}`;
}
