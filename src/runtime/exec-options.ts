import type { Readable } from 'node:stream';

import type { MethodName, UserSpec } from '../model/request.ts';

/**
 * Where the command's standard input comes from.
 *
 * - `ignore`: it has none.
 * - `pipe`: what is written to {@link ExecSession.stdin}.
 * - `inherit`: this program's own.
 */
export type InputMode = 'ignore' | 'pipe' | 'inherit';

/**
 * Where an output stream of the command goes.
 *
 * - `capture`: into the result, up to `maxOutputBytes`.
 * - `pipe`: it is read from {@link ExecSession.stdout} or {@link ExecSession.stderr}.
 * - `ignore`: nowhere.
 * - `inherit`: to this program's own.
 */
export type OutputMode = 'capture' | 'pipe' | 'ignore' | 'inherit';

/** A terminal for the command. Its output, errors included, is one stream: standard output. */
export interface TerminalOptions {
  /** Default 80. */
  readonly columns?: number | undefined;
  /** Default 24. */
  readonly rows?: number | undefined;
  /** The value of `TERM`. Default `xterm`. */
  readonly type?: string | undefined;
}

/** How to run a command; everything is optional. */
export interface ExecOptions<
  Stdin extends InputMode = InputMode,
  Stdout extends OutputMode = OutputMode,
  Stderr extends OutputMode = OutputMode,
> {
  /** Variables for the command, beside those of a login in the container. Nothing of this program's own gets there. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Absolute, in the container. Default `/`. */
  readonly workdir?: string | undefined;
  /** `NAME`, `NAME:GROUP`, `UID` or `UID:GID`, looked up in the container. Default: the container's root. */
  readonly user?: string | UserSpec | undefined;
  /** Keep the privileges of this host's root, where the method can. */
  readonly privileged?: boolean | undefined;
  /** Gives the command a terminal. */
  readonly terminal?: TerminalOptions | undefined;
  /**
   * What the command reads on its standard input, instead of `stdin`. A stream is read to its end, or destroyed when the
   * command ends first; one that fails cancels the execution, so that half an input is never taken for a whole one.
   */
  readonly input?: string | Uint8Array | Readable | undefined;
  /** Default `ignore`. */
  readonly stdin?: Stdin | undefined;
  /** Default `capture`. */
  readonly stdout?: Stdout | undefined;
  /** Default `capture`. With a terminal there is none. */
  readonly stderr?: Stderr | undefined;
  /** How many bytes of each stream are captured; what comes after them is dropped. Default 8 MiB, at most 256 MiB. */
  readonly maxOutputBytes?: number | undefined;
  /** After this time the command gets SIGTERM, and the result says `timedOut`. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** From the first request to end until all of it gets SIGKILL. Default 10 s. */
  readonly killAfterMs?: number | undefined;
  /** How long to wait for the agent of a microVM (`vsock:`) to answer. Default: it is asked once. */
  readonly waitForAgentMs?: number | undefined;
  /** Cancels the execution: the command gets SIGTERM, and the result says `canceled`. */
  readonly signal?: AbortSignal | undefined;
  /** The methods to try, in order; when none of them can, that is an error. Default: those of {@link RuntimeOptions}. */
  readonly methods?: readonly MethodName[] | undefined;
  /** The Proxmox node of the container, where it is not found by itself. */
  readonly node?: string | undefined;
}
