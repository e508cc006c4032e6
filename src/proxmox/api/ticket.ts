import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { PasswordCredentials, Ticket, TicketStore } from './credentials.ts';

/** A ticket is taken for two hours; a new one is got for it after one, as Proxmox's own interface does. */
const LIFETIME_MS = 2 * 3_600_000;
const RENEW_AFTER_MS = LIFETIME_MS / 2;

/** What `POST /access/ticket` gives. */
interface TicketData {
  ticket: string;
  username: string;
  CSRFPreventionToken: string;
  NeedTFA?: 1;
}

/** Makes `POST /access/ticket`, with no authentication; what is not repeatable is sent once. */
type Post = (parameters: Record<string, string>, isRepeatable: boolean) => Promise<unknown>;

/** Gets tickets with a password and a second factor, keeps them, and renews them. */
export class TicketAuthentication {
  readonly #credentials: PasswordCredentials;
  readonly #store: TicketStore | undefined;
  readonly #post: Post;
  #ticket: Ticket | undefined;
  #pending: Promise<Ticket> | undefined;

  constructor(credentials: PasswordCredentials, store: TicketStore | undefined, post: Post) {
    this.#credentials = credentials;
    this.#store = store;
    this.#post = post;
    this.#ticket = store?.load(credentials.user);
  }

  /** The headers of a call, which for all but reads hold a token against forged requests; and the ticket in them. */
  async authorization(method: string): Promise<{ headers: Record<string, string>; ticket: string }> {
    const { ticket, csrfToken } = await this.#valid();
    const headers = {
      cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`,
      ...(method === 'GET' ? {} : { csrfpreventiontoken: csrfToken }),
    };
    return { headers, ticket };
  }

  /** After a refusal: forgets that ticket; whether there is another one, or a way to get one. */
  mayRenew(refused: string): boolean {
    // Another call may have got a new one meanwhile.
    if (this.#ticket?.ticket === refused) {
      this.#ticket = undefined;
      this.#store?.remove(this.#credentials.user);
    }
    return this.#ticket !== undefined || this.#credentials.password !== undefined;
  }

  /** Logs in with the password, whatever is cached. */
  async logIn(): Promise<Ticket> {
    const { user, password, secondFactor } = this.#credentials;
    if (password === undefined) {
      throw new LxcriError(
        'AuthenticationFailed',
        `there is no valid ticket for ${user}, and no password to get one with`,
        'log in again: proxmox-lxcri login',
      );
    }
    const first = await this.#ask({ username: user, password: await password() }, true, 'check its realm and password');
    if (first.NeedTFA !== 1) return this.#keep(first);
    const kinds = challengeKinds(first.ticket);
    if (secondFactor === undefined) {
      throw new LxcriError(
        'AuthenticationFailed',
        `${user} has a second factor${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}, which nobody was asked for`,
        'log in at a terminal: proxmox-lxcri login; or use an API token, which needs none',
      );
    }
    const answer = { username: user, 'tfa-challenge': first.ticket, password: await secondFactor(kinds) };
    // A code or key may be good for one time only.
    return this.#keep(await this.#ask(answer, false, 'the second factor is wrong, or was used before: try it again'));
  }

  async #ask(parameters: Record<string, string>, isRepeatable: boolean, hint: string): Promise<TicketData> {
    try {
      return (await this.#post(parameters, isRepeatable)) as TicketData;
    } catch (error) {
      if (!isLxcriError(error) || error.code !== 'AuthenticationFailed') throw error;
      throw new LxcriError('AuthenticationFailed', `${this.#credentials.user} cannot log in (${error.message})`, hint);
    }
  }

  async #valid(): Promise<Ticket> {
    const ticket = this.#ticket;
    const age = ticket === undefined ? Number.POSITIVE_INFINITY : Date.now() - ticket.issuedAt;
    // A clock that was set back makes the age unknown.
    if (ticket !== undefined && age >= 0 && age < RENEW_AFTER_MS) return ticket;
    this.#pending ??= this.#next(age < LIFETIME_MS && age >= 0 ? ticket : undefined).finally(
      () => (this.#pending = undefined),
    );
    return this.#pending;
  }

  /** A new ticket for the old one while that lives, else for the password. */
  async #next(old: Ticket | undefined): Promise<Ticket> {
    if (old === undefined) return this.logIn();
    try {
      return this.#keep(await this.#ask({ username: this.#credentials.user, password: old.ticket }, true, ''));
    } catch (error) {
      if (!isLxcriError(error) || error.code !== 'AuthenticationFailed') throw error;
      return this.logIn();
    }
  }

  #keep({ ticket, username, CSRFPreventionToken }: TicketData): Ticket {
    this.#ticket = { user: username, ticket, csrfToken: CSRFPreventionToken, issuedAt: Date.now() };
    this.#store?.save(this.#ticket);
    return this.#ticket;
  }
}

/** The kinds of second factors that a challenge allows: `PVE:!tfa!{"totp"%3Atrue}:TIME::SIGNATURE`. */
export function challengeKinds(ticket: string): string[] {
  const json = /!tfa!(.*?):[0-9A-F]{8}::/.exec(ticket)?.[1];
  if (json === undefined) return [];
  try {
    const challenge = JSON.parse(decodeURIComponent(json)) as Record<string, unknown>;
    return Object.entries(challenge)
      .filter(([, value]) => value !== null && value !== false)
      .map(([kind]) => kind);
  } catch {
    return [];
  }
}
