/** The users of the cluster, their tokens, and who may do what where. */
import { randomUUID } from 'node:crypto';
import { CAPABILITIES, NO_ACCESS, privilegesOf, type Role } from './privileges.ts';
import { SecondFactor, type SecondFactorOptions } from './second-factor.ts';

/** Paths (`/`, `/vms/101`, `/nodes/pve1`, `/pool/web`) to the role there and below. */
export type Acl = Readonly<Record<string, Role>>;

export interface TokenOptions {
  /** Default: a random one. */
  secret?: string;
  /** Without it a token can do all that its user can; with it, only what its own list allows too. */
  acl?: Acl;
}

export interface UserOptions {
  /** None: cannot get a ticket. */
  password?: string;
  acl?: Acl;
  tokens?: Readonly<Record<string, TokenOptions>>;
  secondFactor?: SecondFactorOptions;
}

/** Who a request comes from. */
export interface Caller {
  /** `user@realm`. */
  readonly user: string;
  /** Set when it came with an API token. */
  readonly token?: string;
}

interface Token {
  secret: string;
  acl: Acl | undefined;
}

interface User {
  password: string | undefined;
  acl: Acl;
  tokens: Map<string, Token>;
  secondFactor: SecondFactor | undefined;
}

const ROOT = 'root@pam';

/** As the server shows it: `user@realm` or `user@realm!token`. */
export function authId({ user, token }: Caller): string {
  return token === undefined ? user : `${user}!${token}`;
}

export class Accounts {
  readonly #users = new Map<string, User>();
  readonly #pools: ReadonlyMap<number, string>;

  /** @param pools which pool a guest is in. */
  constructor(users: Readonly<Record<string, UserOptions>>, pools: ReadonlyMap<number, string>) {
    this.#pools = pools;
    for (const [name, options] of Object.entries<UserOptions>({ [ROOT]: {}, ...users })) {
      const tokens = Object.entries(options.tokens ?? {}).map(
        ([id, token]) => [id, { secret: token.secret ?? randomUUID(), acl: token.acl }] as const,
      );
      this.#users.set(name, {
        password: options.password,
        acl: name === ROOT ? { '/': 'Administrator' } : (options.acl ?? {}),
        tokens: new Map(tokens),
        secondFactor: options.secondFactor && new SecondFactor(options.secondFactor),
      });
    }
  }

  has(user: string): boolean {
    return this.#users.has(user);
  }

  checkPassword(user: string, password: string): boolean {
    const expected = this.#users.get(user)?.password;
    return expected !== undefined && expected === password;
  }

  secondFactorOf(user: string): SecondFactor | undefined {
    return this.#users.get(user)?.secondFactor;
  }

  /** What stands behind `PVEAPIToken=`: `user@realm!id=secret`. */
  tokenCaller(credential: string): Caller | undefined {
    const [, user = '', token = '', secret] = /^([^!]+)!([^=]+)=(.+)$/.exec(credential) ?? [];
    const known = this.#users.get(user)?.tokens.get(token);
    return known !== undefined && known.secret === secret ? { user, token } : undefined;
  }

  /** The value for an Authorization header. */
  tokenHeader(user: string, token: string): string {
    const secret = this.#users.get(user)?.tokens.get(token)?.secret;
    if (secret === undefined) throw new Error(`no token ${user}!${token} in this cluster`);
    return `PVEAPIToken=${user}!${token}=${secret}`;
  }

  privileges(caller: Caller, path: string): ReadonlySet<string> {
    const user = this.#users.get(caller.user);
    if (user === undefined) return new Set();
    const own = this.#granted(user.acl, path);
    const acl = caller.token === undefined ? undefined : user.tokens.get(caller.token)?.acl;
    if (acl === undefined) return own;
    return new Set([...this.#granted(acl, path)].filter((privilege) => own.has(privilege)));
  }

  may(caller: Caller, path: string, privilege: string): boolean {
    return this.privileges(caller, path).has(privilege);
  }

  /** Every path that a list names for the caller, and the top-level ones. */
  paths(caller: Caller): string[] {
    const user = this.#users.get(caller.user);
    const token = caller.token === undefined ? undefined : user?.tokens.get(caller.token);
    const top = ['/', '/access', '/nodes', '/pool', '/sdn', '/storage', '/vms'];
    return [...new Set([...top, ...Object.keys(user?.acl ?? {}), ...Object.keys(token?.acl ?? {})])];
  }

  capabilities(caller: Caller): Record<string, Record<string, 1>> {
    const held = this.paths(caller).flatMap((path) => [...this.privileges(caller, path)]);
    return Object.fromEntries(
      Object.entries(CAPABILITIES).map(([part, wanted]) => [
        part,
        Object.fromEntries(held.filter((privilege) => wanted.test(privilege)).map((privilege) => [privilege, 1])),
      ]),
    );
  }

  #granted(acl: Acl, path: string): Set<string> {
    const direct = nearest(acl, path);
    const vmid = /^\/vms\/(\d+)$/.exec(path)?.[1];
    const pool = vmid === undefined ? undefined : this.#pools.get(Number(vmid));
    const viaPool = pool === undefined || direct === NO_ACCESS ? undefined : acl[`/pool/${pool}`];
    return new Set([direct, viaPool].flatMap((role) => (role === undefined ? [] : privilegesOf(role))));
  }
}

/** The role of the longest path that leads to this one: a deeper entry replaces those above it. */
function nearest(acl: Acl, path: string): Role | undefined {
  const steps = path.split('/').filter((step) => step !== '');
  for (let length = steps.length; length >= 0; length -= 1) {
    const role = acl[`/${steps.slice(0, length).join('/')}`];
    if (role !== undefined) return role;
  }
  return undefined;
}
