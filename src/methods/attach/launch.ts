import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';

import type { ExecRequest, Word } from '../../model/request.ts';
import type { SessionExit } from '../../model/session.ts';
import { inheritableDescriptors } from '../../process/descriptors.ts';
import { helperEnvironment } from '../../process/executable.ts';
import { rememberPermissions } from '../../process/permissions.ts';
import { withTimerSlack } from '../../process/timer-slack.ts';
import { ProcessTree } from '../../process/tree.ts';
import { startWatchdog } from '../../process/watchdog.ts';
import { restoreTerminal, saveTerminal } from '../../terminal/device.ts';
import type { NodeAddress } from '../../remote/nodes.ts';
import { NotStartedError } from '../method.ts';
import { spawnArguments } from './argv.ts';
import type { SpawnArguments } from './argv.ts';
import { launchOnNode } from './launch-on-node.ts';
import { TERMINAL_FD, isOurTerminal } from './own-terminal.ts';
import { spawnInPty } from './pty.ts';
import { tooLong } from './failures.ts';
import { helperOf } from './session.ts';
import type { AttachedSessionParts, LocalHelper } from './session.ts';
import { childStdio } from './stdio.ts';
import type { ChildStdio } from './stdio.ts';

/** How a program that attaches to containers is called. */
export interface Attacher {
  /** Its path; on another node its name. */
  readonly file: string;
  /** The node it runs on; absent for this host. */
  readonly node?: NodeAddress | undefined;
  /**
   * Its arguments up to and including the `--` before the command.
   *
   * @param variables names of variables in its environment that are to reach the command.
   */
  readonly args: (variables: readonly string[], extraOptions: readonly string[]) => string[];
  /** The init process of the container, by the numbering of the host that it runs on. */
  readonly initPid: number | undefined;
}

/** How long after the program's end a message may still be on its way. */
export const CHANNEL_GRACE_MS = 200;

/** What to launch. */
export interface Launch {
  readonly attacher: Attacher;
  readonly words: readonly Word[];
  /** Secrets among it: it is inherited, and never becomes an argument. */
  readonly environment: Record<string, string>;
  readonly request: ExecRequest;
  /** Whether a script in the container is to speak to us on descriptor 3. */
  readonly channel: boolean;
  readonly holdStderr: boolean;
  /** Ends the attempt to reach another node. */
  readonly abort: AbortSignal;
}

/** What was launched; whether the command starts is not known yet. */
export interface Launched {
  readonly parts: AttachedSessionParts;
  readonly channel: Readable | undefined;
  /** What the program has logged there. */
  readonly logged?: () => string;
}

/**
 * Launches the attaching program with its streams, its watchdog and the means to end what it starts.
 *
 * @throws NotStartedError when it cannot be run, LxcriError `UsageError` when the command is too long.
 */
export async function launch(options: Launch): Promise<Launched> {
  const { request, attacher } = options;
  if (attacher.node !== undefined) return launchOnNode(options, attacher.node);
  const env = helperEnvironment(options.environment);
  const { file, args } = spawnArguments(options.attacher.file, options.words);
  const judgeExit = (exitCode: number): SessionExit => ({ kind: 'exited', exitCode, signal: null });
  if (request.terminal !== undefined && !isOurTerminal(request)) {
    const pty = await spawnInPty(request.id, { file, args, env, terminal: request.terminal, channel: options.channel });
    const tree = new ProcessTree(request.id, pty.helper.pid, true, options.attacher.initPid);
    const watchdog = startWatchdog(request.id, pty.helper.pid, undefined, request.guard);
    const { helper, channel, stdin, stdout, resize } = pty;
    return {
      channel,
      parts: { helper, tree, watchdog, stdin, stdout, stderr: null, resize, giveBack: nothing, judgeExit },
    };
  }
  const onTerminal = request.terminal !== undefined;
  const saved = onTerminal ? saveTerminal(TERMINAL_FD) : undefined;
  const stdio = await childStdio(request, { passTerminals: onTerminal, holdStderr: options.holdStderr });
  const givePermissionsBack = rememberPermissions(stdio.fds.filter((fd) => fd !== 'ignore'));
  const { helper, channel } = await spawnHelper(request.id, { file, args }, env, stdio, options.channel, !onTerminal);
  return {
    channel,
    parts: {
      helper,
      judgeExit,
      tree: new ProcessTree(request.id, helper.pid, !onTerminal, options.attacher.initPid),
      watchdog: startWatchdog(request.id, onTerminal ? undefined : helper.pid, saved, request.guard),
      stdin: stdio.stdin,
      stdout: stdio.stdout,
      stderr: stdio.stderr,
      // The kernel tells a program on our own terminal of its new size.
      resize: nothing,
      giveBack() {
        givePermissionsBack();
        if (saved !== undefined) restoreTerminal(TERMINAL_FD, saved);
      },
    },
  };
}

async function spawnHelper(
  execId: string,
  { file, args }: SpawnArguments,
  env: Record<string, string>,
  stdio: ChildStdio,
  withChannel: boolean,
  detached: boolean,
): Promise<{ helper: LocalHelper; channel: Readable | undefined }> {
  const hidden = inheritableDescriptors();
  const devNull = hidden.length === 0 ? undefined : openSync('/dev/null', 'r+');
  try {
    // lxc-attach changes to the caller's directory if the container has one of that name, so it is started in /.
    // On a terminal it stays in our session and process group, else the terminal would stop it.
    const wanted: (number | 'ignore' | 'pipe')[] = [...stdio.fds, withChannel ? 'pipe' : 'ignore'];
    // In a program that is not ours, its descriptors are not ours to close: the child has /dev/null in their places.
    for (let fd = wanted.length; fd <= Math.max(...hidden); fd++)
      wanted.push(devNull !== undefined && hidden.includes(fd) ? devNull : 'ignore');
    const options = { cwd: '/', env, detached, stdio: wanted };
    const child = withTimerSlack(execId, () => spawn(file, args, options));
    if (child.pid === undefined) throw await new Promise<Error>((resolve) => child.on('error', resolve));
    const channel = (child.stdio[3] as Readable | null | undefined) ?? undefined;
    return { helper: helperOf(child, child.pid), channel };
  } catch (error) {
    stdio.destroy();
    throw spawnFailure(error as NodeJS.ErrnoException, file);
  } finally {
    stdio.closeChildEnds();
    if (devNull !== undefined) closeSync(devNull);
  }
}

function spawnFailure(error: NodeJS.ErrnoException, file: string): Error {
  return error.code === 'E2BIG' ? tooLong() : new NotStartedError(`cannot run ${file}: ${error.code ?? error.message}`);
}

function nothing(): void {}
