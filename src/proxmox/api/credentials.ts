/** A value that is fetched only when it is needed, and never kept longer than that: from a file, a variable or a command. */
export type Secret = () => Promise<string>;

/** An API token: no ticket, no second factor; the form for programs. */
export interface TokenCredentials {
  readonly kind: 'token';
  /** `user@realm!name`. */
  readonly id: string;
  readonly secret: Secret;
}

/** A user with a password, and a second factor where the user has one. */
export interface PasswordCredentials {
  readonly kind: 'password';
  /** `user@realm`. */
  readonly user: string;
  /** Absent where only the cached ticket can be used. */
  readonly password?: Secret;
  /** Asked for an answer to a challenge, such as `totp:123456` or `recovery:CODE`. */
  readonly secondFactor?: (kinds: readonly string[]) => Promise<string>;
}

export type Credentials = TokenCredentials | PasswordCredentials;

/** What a login gives; valid for two hours (PVE/AccessControl.pm). */
export interface Ticket {
  readonly user: string;
  readonly ticket: string;
  readonly csrfToken: string;
  /** Milliseconds since the epoch, by our clock. */
  readonly issuedAt: number;
}

/** Longer than any; a request's head may have 8 KiB at the server. */
const MAX_TICKET = 8192;

/**
 * Whether something can be a ticket that lets its user in: it becomes a part of a header, and half of one, for which the
 * second factor is still to come, lets nobody in.
 */
export function isTicket(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= MAX_TICKET &&
    // A name may have letters of any alphabet.
    /^[^\p{C}\p{Z}]+$/u.test(value) &&
    !value.includes(':!tfa!')
  );
}

/** Whether something can be a token against forged requests, which is a header as it is. */
export function isCsrfToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TICKET && /^[!-~]+$/.test(value);
}

/** Keeps tickets between calls. */
export interface TicketStore {
  load(user: string): Ticket | undefined;
  save(ticket: Ticket): void;
  remove(user: string): void;
}
