import { execFile } from 'node:child_process';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

import { findExecutable, helperEnvironment } from './executable.ts';
import { readProcess } from './proc.ts';

/** The two ends of a pipe: a descriptor for a child process, and a stream for us. */
export interface Pipe {
  /** Give it to the child, then close it. */
  readonly childFd: number;
  readonly stream: Socket;
}

type StreamName = 'stdin' | 'stdout' | 'stderr';
type Pipes = Partial<Record<StreamName, Pipe>>;

/** Which of a child's standard streams are to be pipes. */
export type PipeRequest = Record<StreamName, boolean>;

/**
 * Makes real pipes for a child's standard streams. Node's own "pipe" is a socket, and a command that opens /dev/stdin,
 * /dev/stdout or /dev/stderr fails on a socket (ENXIO), so named pipes are made, opened and unlinked at once.
 * One difference to an anonymous pipe remains: who opens /dev/stdin after the input has ended waits for ever.
 *
 * @throws Error when the pipes cannot be made.
 */
export async function makePipes(request: PipeRequest): Promise<Pipes> {
  const wanted = (['stdin', 'stdout', 'stderr'] as const).filter((name) => request[name]);
  if (wanted.length === 0) return {};
  const mkfifo = findExecutable('mkfifo');
  if (mkfifo === undefined) {
    throw new Error('mkfifo (of coreutils or busybox) is needed to capture output, and is not installed');
  }
  const errors: unknown[] = [];
  for (const makeDirectory of [runtimeDirectory, temporaryDirectory]) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- the second is for when the first is full or cannot be written
      return await makePipesIn(makeDirectory(), mkfifo, wanted);
    } catch (error) {
      errors.push(error);
    }
  }
  throw errors[0];
}

async function makePipesIn(directory: string, mkfifo: string, wanted: readonly StreamName[]): Promise<Pipes> {
  const path = (name: string): string => `${directory}/${name}`;
  try {
    const options = { cwd: '/', env: helperEnvironment() };
    await promisify(execFile)(mkfifo, ['-m', '600', ...wanted.map(path)], options);
    const open = (name: StreamName): Pipe =>
      name === 'stdin' ? openForWriting(path(name)) : openForReading(path(name));
    return Object.fromEntries(wanted.map((name) => [name, open(name)]));
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

const RUNTIME_DIRECTORY = '/run/proxmox-lxcri';

/**
 * A new folder that only we can enter, in memory. Its name holds our pid, so that what a killed process could not remove
 * is removed by the next one.
 */
function runtimeDirectory(): string {
  mkdirSync(RUNTIME_DIRECTORY, { mode: 0o700, recursive: true });
  for (const entry of readdirSync(RUNTIME_DIRECTORY)) {
    const owner = Number(/^(\d+)-/.exec(entry)?.[1]);
    if (readProcess(owner) === undefined) rmSync(`${RUNTIME_DIRECTORY}/${entry}`, { recursive: true, force: true });
  }
  return mkdtempSync(`${RUNTIME_DIRECTORY}/${process.pid}-`);
}

function temporaryDirectory(): string {
  return mkdtempSync(`${tmpdir()}/proxmox-lxcri-`);
}
