import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { isatty } from 'node:tty';

import type { ExecRequest, StdioTarget } from '../../model/request.ts';
import { makePipes } from '../../process/fifo.ts';

/** The three standard streams of the attaching program, and our ends of those that are pipes. */
export interface ChildStdio {
  readonly fds: [number | 'ignore', number | 'ignore', number | 'ignore'];
  readonly stdin: Socket | null;
  readonly stdout: Socket | null;
  readonly stderr: Socket | null;
  /** Closes the child's ends on our side; call it once the child is spawned, or will not be. */
  closeChildEnds(): void;
  /** Closes our ends as well, when the child was not started. */
  destroy(): void;
}

/** How the attaching program's streams are made. */
export interface ChildStdioOptions {
  /** Hand over terminals too: the program is to work on our terminal. */
  readonly passTerminals: boolean;
  /** Keep standard error in our hands although a descriptor was offered. */
  readonly holdStderr?: boolean;
}

/**
 * Makes the standard streams. An offered descriptor is handed over as it is, so that no byte passes through us;
 * a terminal is not (`lxc-attach` makes a pty of its own if any of the three is one), it gets a pipe that we relay.
 */
export async function childStdio(request: ExecRequest, options: ChildStdioOptions): Promise<ChildStdio> {
  const needsPipe = (target: StdioTarget): boolean =>
    target.kind === 'pipe' || (target.kind === 'descriptor' && !options.passTerminals && isatty(target.fd));
  const pipes = await makePipes({
    stdin: needsPipe(request.stdin),
    stdout: needsPipe(request.stdout),
    stderr: needsPipe(request.stderr) || (options.holdStderr === true && request.stderr.kind === 'descriptor'),
  });
  const fdOf = (target: StdioTarget, childFd: number | undefined): number | 'ignore' =>
    childFd ?? (target.kind === 'descriptor' ? target.fd : 'ignore');
  const made = Object.values(pipes);
  const closeChildEnds = (): void => {
    for (const pipe of made.splice(0)) closeSync(pipe.childFd);
  };
  const streams = {
    stdin: pipes.stdin?.stream ?? null,
    stdout: pipes.stdout?.stream ?? null,
    stderr: pipes.stderr?.stream ?? null,
  };
  return {
    ...streams,
    fds: [
      fdOf(request.stdin, pipes.stdin?.childFd),
      fdOf(request.stdout, pipes.stdout?.childFd),
      fdOf(request.stderr, pipes.stderr?.childFd),
    ],
    closeChildEnds,
    destroy() {
      closeChildEnds();
      for (const stream of Object.values(streams)) stream?.destroy();
    },
  };
}
