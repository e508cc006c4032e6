import { constants } from 'node:os';

import type { StdioTarget } from '../../model/request.ts';
import { holdDescriptor } from '../../process/descriptor-holder.ts';
import { untilAborted } from '../../process/until-aborted.ts';
import type { NodeAddress } from '../../remote/nodes.ts';
import type { RemoteLaunch, RemoteProcess } from '../../remote/process.ts';
import { terminalInput } from '../../terminal/input.ts';
import { NotStartedError } from '../method.ts';
import { tooLong } from './failures.ts';
import type { Launch, Launched } from './launch.ts';
import { withoutExtraReturns } from './newline-undo.ts';
import { keepOurTerminal } from './own-terminal.ts';
import type { CommandTree } from './session.ts';

/** Stands for the path of a log among the words: the node has one made, and puts its path there. */
export const LOG_THERE = '\0log';

/**
 * Launches the attaching program on another node. There our own program is what the watchdog is here: it ends the tree
 * when it does not hear from us any more.
 *
 * @throws LxcriError PlatformUnreachable, AuthenticationFailed or PermissionDenied when the node cannot be reached;
 *   otherwise as `launch`; or the reason of the abort, when nothing was started.
 */
export async function launchOnNode(options: Launch, address: NodeAddress): Promise<Launched> {
  const { attacher, request, words, abort } = options;
  const { terminal } = request;
  const { startOnNode, endOnNode } = await import('../../remote/nodes.ts');
  const logAt = words.indexOf(LOG_THERE);
  const remoteLaunch: RemoteLaunch = {
    execId: request.id,
    program: attacher.file,
    args: words,
    environment: options.environment,
    pipes: { stdin: isHeld(request.stdin), stdout: isHeld(request.stdout), stderr: isHeld(request.stderr) },
    terminal,
    channel: options.channel,
    logArgument: logAt === -1 ? undefined : logAt,
    initPid: attacher.initPid,
  };
  const process = await startOnNode(address, remoteLaunch, abort);
  // Once it is asked for it may run: an aborted launch is ended like one that has started.
  const failure = await untilAborted(process.launched, abort).catch(() => undefined);
  if (failure !== undefined) throw launchFailure(failure, attacher.file, address.node);
  const local = keepOurTerminal(request);
  const { carrierPid } = process;
  const letGo =
    request.guard === undefined || carrierPid === undefined ? () => {} : holdDescriptor(request.guard, carrierPid);
  return {
    channel: process.channel,
    logged: () => process.log,
    parts: {
      helper: { ended: process.ended, kill: (signal) => process.signal('helper', signal) },
      tree: treeOf(process, () => endOnNode(address, process.execution)),
      watchdog: {
        async dismiss() {
          await process.release();
          letGo();
          await local.dismiss();
        },
      },
      stdin: terminal === undefined || process.stdin === null ? process.stdin : terminalInput(process.stdin),
      stdout: terminal === undefined ? process.stdout : withoutExtraReturns(process.stdout),
      stderr: process.stderr,
      resize: (columns, rows) => process.resize(columns, rows),
      giveBack: () => local.restore(),
      judgeExit: (exitCode) => ({ kind: 'exited', exitCode, signal: null }),
    },
  };
}

/** Our own descriptors do not reach another node. */
function isHeld({ kind }: StdioTarget): boolean {
  return kind !== 'null';
}

function treeOf(process: RemoteProcess, endWithoutConnection: () => Promise<boolean>): CommandTree {
  let ended: Promise<boolean> | undefined;
  return {
    // The node looks for it when the script in the container says that it starts.
    commandPid: undefined,
    signalCommand: (signal) => process.signal('command', signal),
    signalCommandGroup: (signal) => process.signal('group', signal),
    kill: async () => (await process.killTree()) ?? (ended ??= endWithoutConnection()),
  };
}

function launchFailure(failure: string, file: string, node: string): Error {
  const [what = '', errno] = failure.split(' ');
  if (what === 'exec' && Number(errno) === constants.errno.E2BIG) return tooLong();
  return new NotStartedError(
    what === 'missing' ? `${file} is not installed on node ${node}` : `cannot run ${file} on node ${node}: ${failure}`,
  );
}
