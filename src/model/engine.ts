import type { Duplex } from 'node:stream';

/** An answer of a Docker engine. */
export interface EngineAnswer {
  readonly status: number;
  /** Of JSON, where it is that. */
  readonly body: unknown;
  /** As it came. */
  readonly bytes: Buffer;
}

/** A connection that carries the streams of a command. */
export interface CommandStream {
  readonly stream: Duplex;
  /** Whether its end may be a reset one, and yet whole. */
  readonly mayBeReset: boolean;
}

/** A Docker engine that can be asked. */
export interface Engine {
  /** For messages. */
  readonly name: string;
  /** Of its API, once it has answered: 1.41 is [1, 41]. */
  readonly version: readonly [number, number];
  /**
   * One request.
   *
   * @throws LxcriError PlatformUnreachable or PermissionDenied where it was not sent, ConnectionLost where a request that
   *   changes something was sent and not answered; the reason of `abort`.
   * @param isLong whether its answer may take as long as `abort` allows. Default: 40 s at most.
   */
  request(
    method: 'GET' | 'POST' | 'HEAD',
    path: string,
    body?: unknown,
    abort?: AbortSignal,
    isLong?: boolean,
  ): Promise<EngineAnswer>;
  /** The same, for a connection: an answer is a refusal. */
  upgrade(path: string, body: unknown, abort?: AbortSignal): Promise<EngineAnswer | CommandStream>;
  /** Connects in advance, so that the next request need not wait. */
  warmUp(): void;
  /** Closes what is open; it can be used again. */
  close(): void;
}

/** What is known of a container of a Docker engine, as of the last look. */
export interface DockerAccess {
  readonly engine: Engine;
  /** Who its commands run as; "" for root. */
  readonly user: string;
  /** Where the engine keeps its configuration. */
  readonly directory: string;
  /** Its own environment. */
  readonly env: readonly string[];
  /** Its init process by this host's numbering, where it is a process of this host that we may act on. */
  readonly initPid: number | undefined;
}
