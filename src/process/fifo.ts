import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

import { findExecutable, helperEnvironment } from './executable.ts';

/** The two ends of a pipe: a descriptor for a child process, and a stream for us. */
export interface Pipe {
  /** Give it to the child, then close it. */
  readonly childFd: number;
  readonly stream: Socket;
}

/** Which of a child's standard streams are to be pipes. */
export interface PipeRequest {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

/**
 * Makes real pipes for a child's standard streams. Node's own "pipe" is a socket, and a command that opens /dev/stdin,
 * /dev/stdout or /dev/stderr fails on a socket (ENXIO), so named pipes are made, opened and unlinked at once.
 *
 * @throws Error when the pipes cannot be made.
 */
export async function makePipes(request: PipeRequest): Promise<Partial<Record<keyof PipeRequest, Pipe>>> {
  const wanted = (['stdin', 'stdout', 'stderr'] as const).filter((name) => request[name]);
  if (wanted.length === 0) return {};
  const mkfifo = findExecutable('mkfifo');
  if (mkfifo === undefined)
    throw new Error('mkfifo (of coreutils or busybox) is needed to capture output, and is not installed');
  const directory = privateDirectory();
  try {
    await promisify(execFile)(mkfifo, ['-m', '600', ...wanted.map((name) => `${directory}/${name}`)], {
      cwd: '/',
      env: helperEnvironment(),
    });
    const pipes: Partial<Record<keyof PipeRequest, Pipe>> = {};
    for (const name of wanted)
      pipes[name] = name === 'stdin' ? openForWriting(`${directory}/${name}`) : openForReading(`${directory}/${name}`);
    return pipes;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Each end has an open file description of its own: ours does not block, the child's does, as a command expects. */
function openForReading(path: string): Pipe {
  const ours = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const childFd = openSync(path, constants.O_WRONLY);
  return { childFd, stream: new Socket({ fd: ours, readable: true, writable: false }) };
}

function openForWriting(path: string): Pipe {
  // Opened for both directions first, so that neither of the others waits for its peer.
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const childFd = openSync(path, constants.O_RDONLY);
  const ours = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  closeSync(both);
  return { childFd, stream: new Socket({ fd: ours, readable: false, writable: true }) };
}

/** A new folder that only we can enter, on memory where the system offers it. */
function privateDirectory(): string {
  try {
    return mkdtempSync('/run/proxmox-lxcri-');
  } catch {
    return mkdtempSync(`${tmpdir()}/proxmox-lxcri-`);
  }
}
