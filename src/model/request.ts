/** A word of the command: text, or bytes where it is not valid UTF-8. */
export type Word = string | Uint8Array;

/** The methods, by the names users give to `--method`. */
export const METHOD_NAMES = [
  'proxmox-api',
  'pct',
  'lxc-attach',
  'docker',
  'kubernetes',
  'vsock',
  'process',
  'node-shell',
  'console',
  'guest-agent',
] as const;

/** The name of a method. */
export type MethodName = (typeof METHOD_NAMES)[number];

/** A terminal to be given to the command. */
export interface TerminalSpec {
  columns: number;
  rows: number;
  /** The terminal's type for `TERM`. */
  type: string;
}

/** Who the command runs as, unresolved: names are looked up inside the container. */
export interface UserSpec {
  user: string;
  group?: string;
}

/**
 * Where a standard stream of the command comes from or goes to.
 * A descriptor is an offer: a method that can hand it to the command as it is does so, others answer with a stream.
 */
export type StdioTarget = { kind: 'descriptor'; fd: number } | { kind: 'pipe' } | { kind: 'null' };

/** What to run, and how; the same for every method. */
export interface ExecRequest {
  /** Unique for this execution; also the environment tag by which its processes are found. */
  readonly id: string;
  /** Empty: the user's login shell. */
  readonly command: readonly Word[];
  readonly env: ReadonlyMap<string, string>;
  readonly workdir: string | undefined;
  readonly user: UserSpec | undefined;
  readonly privileged: boolean;
  readonly terminal: TerminalSpec | undefined;
  readonly stdin: StdioTarget;
  readonly stdout: StdioTarget;
  readonly stderr: StdioTarget;
  /** A method that cannot end the command's tree must refuse. */
  readonly needsTreeKill: boolean;
  /** A descriptor of ours (a lock) that is to stay open until the tree is ended, also when we die first. */
  readonly guard?: number | undefined;
}
