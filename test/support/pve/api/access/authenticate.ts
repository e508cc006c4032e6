/** Who sends a request, by its headers. */
import { Unauthorized } from '../failure.ts';
import { percentDecode } from '../form.ts';
import type { Head } from '../wire.ts';
import type { Accounts, Caller } from './accounts.ts';
import type { Tickets } from './tickets.ts';

export interface Credentials {
  readonly caller: Caller;
  /** What has to go on with the request when another node has to answer it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A cookie wins over a token. Every change by a cookie has to carry the token against forged requests too. */
export function authenticate(head: Head, accounts: Accounts, tickets: Tickets): Credentials {
  const authorization = head.headers.get('authorization') ?? '';
  const ticket =
    authValue(head.headers.get('cookie') ?? '', 'PVEAuthCookie') ?? authValue(authorization, 'PVEAuthCookie');
  if (ticket !== undefined) return byTicket(head, ticket, accounts, tickets);
  const token = authValue(authorization, 'PVEAPIToken');
  if (token === undefined) throw new Unauthorized('No ticket');
  const caller = accounts.tokenCaller(token);
  if (caller === undefined) throw new Unauthorized('Authentication failed!');
  return { caller, headers: { Authorization: `PVEAPIToken=${token}` } };
}

function byTicket(head: Head, ticket: string, accounts: Accounts, tickets: Tickets): Credentials {
  const user = tickets.userOf(ticket);
  if (user === undefined || !accounts.has(user)) throw new Unauthorized('Authentication failed!');
  const csrf = head.headers.get('csrfpreventiontoken') ?? '';
  if (head.method !== 'GET' && !tickets.checkCsrf(csrf, user)) {
    throw new Unauthorized('Permission denied - invalid csrf token');
  }
  return {
    caller: { user },
    headers: { Cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`, CSRFPreventionToken: csrf },
  };
}

/** `NAME=value` or `NAME value` anywhere in a header; the value may be percent-encoded. */
function authValue(header: string, name: string): string | undefined {
  const value = new RegExp(`(?:^|[;,]\\s*|\\s)${name}[= ]([^;,]+)`).exec(header)?.[1]?.trim();
  return value === undefined ? undefined : percentDecode(value);
}
