import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

import { LxcriError } from '../model/errors.ts';
import type { VsockAddress } from '../model/vsock.ts';
import type { Line } from './dial.ts';
import { guestName } from './failures.ts';
import { NeverWaiting } from './never-waiting.ts';

/** What it says is looked at only to this length. */
const MAX_SAID = 4096;

/** The kernel of this host answers at once; a guest that is being started, after its own time. */
const CONNECT_SECONDS = 5;

/**
 * Connects by the kernel's AF_VSOCK, which Node.js has no sockets for: socat(1) copies between such a one and a pair of
 * ours. Whether it has connected shows by what the guest says first.
 *
 * @throws LxcriError PlatformUnreachable where socat is missing.
 */
export async function dialByCid(address: VsockAddress & { kind: 'cid' }, abort: AbortSignal): Promise<Line> {
  const { cid, port } = address;
  const args = ['-b', '131072', 'FD:3', `VSOCK-CONNECT:${cid}:${port},connect-timeout=${CONNECT_SECONDS}`];
  const child = spawn('socat', args, {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A signal for our terminal's processes is not for it: it ends when our side of the pair does.
    detached: true,
  });
  const errors = child.stdio[2] as Socket;
  let said = '';
  errors.setEncoding('latin1').on('data', (text: string) => {
    if (said.length < MAX_SAID) said += text;
  });
  errors.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) => reject(notSpawned(address, error)));
  });
  // Nothing here is to keep this process alive but the connection.
  child.unref();
  errors.unref();
  // It moves data one way at a time, and waits in each.
  const socket = new NeverWaiting(child.stdio[3] as Socket);
  if (abort.aborted) {
    socket.destroy();
    throw abort.reason;
  }
  return { socket, whyEnded: () => reasonIn(said) };
}

function notSpawned(address: VsockAddress, error: NodeJS.ErrnoException): LxcriError {
  const name = guestName(address);
  if (error.code !== 'ENOENT')
    return new LxcriError('PlatformUnreachable', `socat, the way to ${name}, cannot be started: ${error.message}`);
  return new LxcriError(
    'PlatformUnreachable',
    `the way to ${name} is the program socat, which is not installed here`,
    'install the package socat (1.7.4 or later)',
  );
}

/** socat's own line, which begins with the time and what it is: `2026/01/31 12:00:00 socat[12] E connect(...): No such device`. */
function reasonIn(said: string): string | undefined {
  const line = said.split('\n').find((each) => / E /.test(each));
  if (line === undefined) return undefined;
  if (/unknown (device|address)/i.test(line)) return 'this socat knows no vsock: version 1.7.4 or later does';
  const reason = /: ([^:]+)$/.exec(line.trim())?.[1] ?? line.replace(/^.* E /, '');
  // It had connected.
  if (!line.includes(' connect(') && /Broken pipe|Connection reset/i.test(reason)) return CLOSES;
  return EXPLAINED.find(([pattern]) => pattern.test(reason))?.[1] ?? reason.slice(0, 200);
}

const CLOSES =
  'who listens there closes the connection at once (an agent takes only the CIDs of --allow-cid; default: 2, the host)';

/** What the kernel's words mean here (connect(2) of AF_VSOCK). */
const EXPLAINED: readonly (readonly [RegExp, string])[] = [
  [
    /No such device|Network is unreachable|Cannot assign/i,
    'no VM of this host has this CID (or vhost_vsock is not loaded)',
  ],
  [/Connection reset by peer/i, 'nobody listens there'],
  [/timed out|Operation now in progress/i, 'nobody answers; does a VM of this host have this CID?'],
];
