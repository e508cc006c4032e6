import type { ApiRoute } from '../model/remote.ts';

/** Where a secret is; never the secret itself. */
export type SecretSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'variable'; readonly name: string }
  /** Its first line of output; run without a shell. */
  | { readonly kind: 'command'; readonly argv: readonly [string, ...string[]] };

/** Who a context acts as. */
export type Identity =
  | { readonly kind: 'token'; readonly id: string; readonly secret: SecretSource }
  /** Without a source the ticket of `login` is used, and nothing after it has expired. */
  | { readonly kind: 'user'; readonly user: string; readonly password: SecretSource | undefined };

/** A server of the API as a context names it. */
export interface Host {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of its certificate; absent where an authority vouches for it. */
  readonly fingerprint: string | undefined;
}

/** How a node is reached over ssh. */
export interface SshSettings {
  /** `{node}` in it stands for the node's name. */
  readonly destination: string | undefined;
  readonly options: readonly string[] | undefined;
  /** Whether root is had by `sudo -n` there. */
  readonly sudo: boolean | undefined;
}

/** A cluster under a name of its own. */
export interface Context {
  readonly name: string;
  /** Where it stands. */
  readonly file: string;
  readonly line: number;
  readonly hosts: readonly [Host, ...Host[]];
  /** The authorities, in PEM form, of those hosts that have no fingerprint; absent: those of the system. */
  readonly caFile: string | undefined;
  readonly identity: Identity;
  /** Whether a word without a scheme may name a container of it. */
  readonly bare: boolean;
  /** The ways to run commands over its API that take part without being named, in the order in which they are tried. */
  readonly routes: readonly ApiRoute[];
  /** For all nodes. */
  readonly ssh: SshSettings;
  /** For nodes by name; what they do not say holds for all. */
  readonly sshNodes: ReadonlyMap<string, SshSettings>;
}

/** What one file says. */
export interface ContextFile {
  readonly current: string | undefined;
  readonly contexts: ReadonlyMap<string, Context>;
}
