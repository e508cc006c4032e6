import type { Readable, Writable } from 'node:stream';

/** An answer of a Kubernetes API server. */
export interface ClusterAnswer {
  readonly status: number;
  /** Of JSON, where it is that. */
  readonly body: unknown;
}

/** How the server says that a command has ended: its v1.Status on the error channel. */
export type CommandStatus =
  | { readonly kind: 'exited'; readonly exitCode: number }
  /** It was not run, or it is not known how it ended. */
  | { readonly kind: 'failed'; readonly message: string };

/** How a channel ended. Without a status nothing is known of the command. */
export type ChannelEnd =
  | { readonly kind: 'status'; readonly status: CommandStatus }
  | { readonly kind: 'lost'; readonly reason: string };

/** The streams of a command in a pod, over one connection. */
export interface PodChannel {
  /** Whether the end of {@link stdin} reaches the command. */
  readonly halfCloses: boolean;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Nothing comes where there is a terminal. */
  readonly stderr: Readable;
  /** Settles once; what came of the output before is in the streams by then, which have ended. */
  readonly ended: Promise<ChannelEnd>;
  /** Resolves when the first of {@link stdout} comes. */
  readonly stirred: Promise<void>;
  /** Called when something comes of an output that nobody reads any more. */
  onUnread: () => void;
  /** Whether nobody has read some of the output yet. */
  readonly isFull: boolean;
  /** When something came last, on a clock of milliseconds. */
  readonly heardAt: number;
  resize(columns: number, rows: number): void;
  /** Nothing more of {@link stdin} is sent, and its end is, where {@link halfCloses} says that it can be. */
  endInput(): void;
  /**
   * Ends it from our side, at once.
   *
   * @param why what its end says.
   */
  close(why?: string): void;
}

/** The API of a Kubernetes cluster. */
export interface ClusterClient {
  /** For messages: where its server is. */
  readonly name: string;
  /** Where a pod is looked for that was named without one. */
  readonly namespace: string;
  /**
   * One request.
   *
   * @throws LxcriError PlatformUnreachable, AuthenticationFailed; the reason of `abort`.
   */
  request(method: 'GET' | 'POST', path: string, body?: unknown, abort?: AbortSignal): Promise<ClusterAnswer>;
  /**
   * Opens the channel of a command, which runs from then on. An answer is a refusal: nothing was started.
   *
   * @param halfClose only a server that passes on the end of the input will do.
   * @throws LxcriError as {@link request}, where nothing was started; ConnectionLost where that is not known.
   */
  open(path: string, halfClose: boolean, abort?: AbortSignal): Promise<PodChannel | ClusterAnswer>;
  /** Closes what is open and not in use; it can be used again. */
  close(): void;
}

/** One container of a pod. */
export interface PodAccess {
  readonly cluster: ClusterClient;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** Where the kubelet of its node keeps the pod. */
  readonly directory: string;
}
