/** Tickets: signed texts of a name and a time. */
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto';

/** Clocks of nodes may differ by this much. */
const SKEW_SECONDS = 300;
const CONSOLE_SECONDS = { past: 40, future: 20 };

/** Making one takes longer than a test may, and nothing is learnt from another. */
let keys: { publicKey: KeyObject; privateKey: KeyObject } | undefined;

export class Tickets {
  readonly #secret = randomBytes(32);
  readonly #now: () => number;
  readonly #lifetime: () => number;
  readonly #keys = (keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 }));

  /**
   * @param now in seconds since 1970.
   * @param lifetime in seconds.
   */
  constructor(now: () => number, lifetime: () => number) {
    this.#now = now;
    this.#lifetime = lifetime;
  }

  issue(user: string): string {
    return this.#signed('PVE', user, '');
  }

  /** A ticket that only says that the password was right. */
  issueHalf(user: string, challenge: Record<string, unknown>): string {
    return this.#signed('PVE', `!tfa!${JSON.stringify(challenge).replaceAll(':', '%3A')}`, user);
  }

  userOf(ticket: string): string | undefined {
    const user = this.#plain('PVE', ticket, '', this.#lifetime(), SKEW_SECONDS);
    return user?.startsWith('!tfa!') === false ? user : undefined;
  }

  isHalf(ticket: string, user: string): boolean {
    return this.#plain('PVE', ticket, user, this.#lifetime(), SKEW_SECONDS)?.startsWith('!tfa!') === true;
  }

  issueCsrf(user: string): string {
    return this.#csrf(hexTime(this.#now()), user);
  }

  checkCsrf(token: string, user: string): boolean {
    const [time = ''] = token.split(':');
    return this.#isFresh(time, this.#lifetime(), SKEW_SECONDS) && token === this.#csrf(time, user);
  }

  /** For one user, one path of the permission tree and one port. */
  issueConsole(user: string, path: string, port: number): string {
    return this.#signed('PVEVNC', undefined, `${user}:${path}:${port}`);
  }

  checkConsole(ticket: string, user: string, path: string, port: number): boolean {
    const { past, future } = CONSOLE_SECONDS;
    return this.#plain('PVEVNC', ticket, `${user}:${path}:${port}`, past, future) !== undefined;
  }

  #signed(prefix: string, plain: string | undefined, secret: string): string {
    const text = [prefix, ...(plain === undefined ? [] : [plain]), hexTime(this.#now())].join(':');
    const signature = sign('sha1', Buffer.from(`${text}\0${secret}`), this.#keys.privateKey);
    return `${text}::${signature.toString('base64')}`;
  }

  #plain(prefix: string, ticket: string, secret: string, past: number, future: number): string | undefined {
    const [, text = '', kind, plain = '', time = '', signature = ''] =
      /^((PVE|PVEVNC):(?:(.*):)?([0-9A-F]{8}))::([A-Za-z0-9+/=]+)$/.exec(ticket) ?? [];
    if (kind !== prefix || !this.#isFresh(time, past, future)) return undefined;
    const signed = Buffer.from(`${text}\0${secret}`);
    return verify('sha1', signed, this.#keys.publicKey, Buffer.from(signature, 'base64')) ? plain : undefined;
  }

  #isFresh(time: string, past: number, future: number): boolean {
    const age = this.#now() - Number.parseInt(time, 16);
    return age <= past && age >= -future;
  }

  #csrf(time: string, user: string): string {
    const digest = createHmac('sha256', this.#secret).update(`${time}:${user}`).digest('base64');
    return `${time}:${digest.replace(/=+$/, '')}`;
  }
}

function hexTime(seconds: number): string {
  return hex8(Math.floor(seconds));
}

export function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
