import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

import { LxcriError } from '../../model/errors.ts';
import { helperEnvironment } from '../../process/executable.ts';
import type { DetachedSignal } from './control.ts';
import { encodeRequest } from './handover.ts';
import type { Answer, DetachedRequest } from './handover.ts';
import { eachLine } from './lines.ts';

/** The descriptor on which a supervisor speaks with its caller. */
export const CHANNEL_FD = 3;

/** The word that makes the program a supervisor. */
const SUPERVISE = 'supervise';

/**
 * Hands an execution to a supervisor of its own, and waits until that says whether the command has started.
 *
 * @param script the program's script.
 * @param onSignals is given a function that passes signals on for as long as nothing has started.
 * @throws LxcriError `PlatformUnreachable` when there can be no supervisor; `ConnectionLost` when it ended without a word.
 */
export async function startDetached(
  script: string,
  request: DetachedRequest,
  onSignals: (pass: (signal: DetachedSignal) => void) => void,
): Promise<Exclude<Answer, { kind: 'broken' }>> {
  const child = await spawnSupervisor(script, request.id);
  const channel = child.stdio[CHANNEL_FD] as Socket;
  let line: string | undefined;
  const closed = eachLine(channel, Number.POSITIVE_INFINITY, (text) => (line ??= text));
  channel.write(encodeRequest(request));
  onSignals((signal) => channel.write(`${signal}\n`));
  await closed;
  if (line === undefined) {
    throw new LxcriError(
      'ConnectionLost',
      `the supervisor of execution ${request.id} ended before it said whether the command started`,
      `check in the container, and with: proxmox-lxcri result ${request.id}`,
    );
  }
  const answer = JSON.parse(line) as Answer;
  if (answer.kind === 'broken') throw new Error(`in the supervisor: ${answer.stack}`);
  return answer;
}

/** What a Node looks at when it starts; all else comes with the request. */
const INHERITED = ['PATH', 'TMPDIR', 'NODE_EXTRA_CA_CERTS'] as const;

/** In a session of its own, so that what ends us (a closed terminal, Ctrl-C, our group's end) does not end it. */
async function spawnSupervisor(script: string, id: string): Promise<ChildProcess> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  try {
    // The id is there for people who look at a list of processes.
    const child = spawn(process.execPath, [...NODE_OPTIONS, '--', script, SUPERVISE, id], {
      cwd: '/',
      detached: true,
      env: helperEnvironment({ ...Object.fromEntries(inherited), UV_THREADPOOL_SIZE: '1' }),
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    if (child.pid === undefined) throw await new Promise<Error>((resolve) => child.on('error', resolve));
    child.unref();
    return child;
  } catch (error) {
    throw new LxcriError(
      'PlatformUnreachable',
      `this host cannot start a supervisor: ${(error as Error).message}`,
      'check its limits (ulimit -a)',
      { cause: error },
    );
  }
}

/**
 * A small nursery (in MiB), so that the buffers of output that has been written are given back soon: 20 to 30 MiB less while
 * 256 MiB go through. Fewer threads would save nothing, and without any (--v8-pool-size=0) a garbage collection was seen to
 * wait for ever. The others are the launcher's, and said there.
 */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--no-concurrent-recompilation', '--no-concurrent-sparkplug'];
