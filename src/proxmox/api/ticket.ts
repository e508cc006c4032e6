import { LxcriError, isLxcriError } from '../../model/errors.ts';
import { isCsrfToken, isTicket } from './credentials.ts';
import type { PasswordCredentials, Ticket, TicketStore } from './credentials.ts';
import { Misfit, object, optional, text } from './shape.ts';
import type { Reader } from './shape.ts';

/** A ticket is taken for two hours; a new one is got for it after one, as Proxmox's own interface does. */
const LIFETIME_MS = 2 * 3_600_000;
const RENEW_AFTER_MS = LIFETIME_MS / 2;

/** What `POST /access/ticket` gives: who may come in, or who has to show a second factor first. */
type Admission = { readonly challenge: string } | Pick<Ticket, 'ticket' | 'csrfToken'>;

const ANSWER = object({
  ticket: text,
  username: text,
  CSRFPreventionToken: optional(text),
  NeedTFA: optional((value: unknown) => Boolean(value)),
});

/** Reads the answer to one who asked as `user`. */
function admissionOf(user: string): Reader<Admission> {
  return (value, at) => {
    const { ticket, username, CSRFPreventionToken: csrfToken, NeedTFA: isHalf } = ANSWER(value, at);
    // Some realms do not tell upper case from lower case.
    if (username.toLowerCase() !== user.toLowerCase()) throw new Misfit('it is for another user');
    if (isHalf === true && ticket.isWellFormed()) return { challenge: ticket };
    if (!isTicket(ticket)) throw new Misfit('it holds no ticket');
    if (!isCsrfToken(csrfToken)) throw new Misfit('it holds no token against forged requests');
    return { ticket, csrfToken };
  };
}

/** Makes `POST /access/ticket`, with no authentication; what is not repeatable is sent once. */
type Post = <Data>(read: Reader<Data>, parameters: Record<string, string>, isRepeatable: boolean) => Promise<Data>;

/** Gets tickets with a password and a second factor, keeps them, and renews them. */
export class TicketAuthentication {
  readonly #credentials: PasswordCredentials;
  readonly #store: TicketStore | undefined;
  readonly #loginCall: string;
  readonly #post: Post;
  #ticket: Ticket | undefined;
  #pending: Promise<Ticket> | undefined;

  /** @param loginCall the call that logs in again, for hints. */
  constructor(credentials: PasswordCredentials, store: TicketStore | undefined, loginCall: string, post: Post) {
    this.#credentials = credentials;
    this.#store = store;
    this.#loginCall = loginCall;
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
        `log in again: ${this.#loginCall}`,
      );
    }
    const first = await this.#ask({ username: user, password: await password() }, true, 'check its realm and password');
    if (!('challenge' in first)) return this.#keep(first);
    const kinds = challengeKinds(first.challenge);
    if (secondFactor === undefined) {
      throw new LxcriError(
        'AuthenticationFailed',
        `${user} has a second factor${kinds.length === 0 ? '' : ` (${kinds.join(', ')})`}, which nobody was asked for`,
        `log in at a terminal: ${this.#loginCall}; or use an API token, which needs none`,
      );
    }
    const answer = { username: user, 'tfa-challenge': first.challenge, password: await secondFactor(kinds) };
    // A code or key may be good for one time only.
    return this.#keep(await this.#ask(answer, false, 'the second factor is wrong, or was used before: try it again'));
  }

  async #ask(parameters: Record<string, string>, isRepeatable: boolean, hint: string): Promise<Admission> {
    const { user } = this.#credentials;
    try {
      return await this.#post(admissionOf(user), parameters, isRepeatable);
    } catch (error) {
      if (!isLxcriError(error) || error.code !== 'AuthenticationFailed') throw error;
      throw new LxcriError('AuthenticationFailed', `${user} cannot log in (${error.message})`, hint);
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

  /** A challenge that was answered, or a ticket that was renewed, gives no other challenge. */
  #keep(admission: Admission): Ticket {
    const { user } = this.#credentials;
    if ('challenge' in admission) {
      const message = `the server asks for a second factor of ${user} once more`;
      throw new LxcriError('AuthenticationFailed', message, `log in again: ${this.#loginCall}`);
    }
    this.#ticket = { user, ...admission, issuedAt: Date.now() };
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
