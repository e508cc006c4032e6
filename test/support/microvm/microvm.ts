/**
 * Guests with a kernel of their own that are reached over vsock, on any machine: user-mode Linux is a kernel that is a
 * program, so it needs no KVM and no root. Its vsock device is a process of ours, which offers the host the Unix socket
 * that Firecracker and Cloud Hypervisor do.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { remember } from '../ledger.ts';
import { killGroup, pidsInGroup, processInfo } from '../proc.ts';
import { scratchDirectory } from '../scratch.ts';
import { waitFor } from '../wait-for.ts';
import { dialHybrid } from './dial.ts';
import { goProgram } from './go-program.ts';
import { AGENT_ENDED, GUEST_INIT, type GuestContents, initramfs } from './guest.ts';
import { USER_MODE_LINUX } from './needs.ts';

export type MicroVmOptions = (GuestContents | OwnInitramfs) & {
  /** Where the agent listens; the guest is ready when somebody does. Default: 2222. */
  port?: number;
  /** What it has of memory, as the kernel reads it. Default: 128M. */
  memory?: string;
};

/** A guest that a test has made by itself. */
export interface OwnInitramfs {
  initramfs: Buffer;
  /** Of the kernel's command line. */
  parameters: readonly string[];
}

export interface MicroVm {
  /** Of the hybrid protocol: `CONNECT <port>\n`, `OK <port>\n`. */
  readonly hybridSocket: string;
  /** The guest's own address. */
  readonly cid: number;
  /** From the start of its kernel to the first answer of its agent. */
  readonly readyMs: number;
  /** All that the guest has written to its console: the kernel, and standard output and error of the agent. */
  log(): string;
  /** The host's processes that the guest is made of; none when it has ended. */
  pids(): number[];
  /** The guest stands still, and nobody is told. */
  pause(): void;
  resume(): void;
  /** Ends the guest, as when its power fails. */
  kill(): Promise<void>;
  /**
   * Ends the guest if it still runs, and removes all that it was made of.
   *
   * @throws Error when the vsock device had failed: what the test then saw of the guest means little.
   */
  stop(): Promise<void>;
}

/** The number of vsock among the devices of virtio. */
const VSOCK_DEVICE = 19;
/** The first address that a guest may have. */
const GUEST_CID = 3;
const READY_MS = 90_000;

/**
 * Starts a guest and waits until its agent listens.
 *
 * A suite calls `needsMicroVm` first. What a test does not stop is removed at the end of the run.
 *
 * @throws Error with the end of the guest's log, when it does not come so far.
 */
export async function startMicroVm({ port = 2222, memory = '128M', ...guest }: MicroVmOptions): Promise<MicroVm> {
  const own = 'initramfs' in guest ? guest : { initramfs: initramfs(guest), parameters: [`rdinit=${GUEST_INIT}`] };
  const directory = scratchDirectory();
  const file = (name: string): string => join(directory, name);
  const [vhostSocket, hybridSocket, console] = [file('vhost.sock'), file('vm.sock'), file('console.log')] as const;
  const started: Group[] = [];
  const end = async (): Promise<void> => {
    for (const group of started.toReversed()) group.kill();
    // oxlint-disable-next-line no-await-in-loop -- all have been told
    for (const group of started) await group.ended;
    const [device] = started;
    const failure = device?.failed() === true ? readFileSync(file('device.log'), 'latin1') : undefined;
    rmSync(directory, { recursive: true, force: true });
    if (failure !== undefined) throw new Error(`the vsock device failed: ${failure}`);
  };
  let over: Promise<void> | undefined;
  const stop = (): Promise<void> => (over ??= end());
  try {
    writeFileSync(file('initramfs'), own.initramfs);
    const device = startGroup([await goProgram('.'), vhostSocket, hybridSocket, String(GUEST_CID)], file('device.log'));
    started.push(device);
    const listens = (): boolean => readFileSync(file('device.log'), 'latin1').includes('listening\n');
    await waitFor(() => listens() || device.hasEnded(), { what: 'the vsock device' });
    const begin = performance.now();
    const kernel = startGroup(
      [USER_MODE_LINUX, ...kernelParameters(file, vhostSocket, memory), ...own.parameters],
      console,
    );
    started.push(kernel);
    const log = (): string => readFileSync(console, 'latin1');
    await untilListening(kernel, hybridSocket, port, log).catch((error: unknown) => {
      const logs = [console, file('device.log')].map((path) => lastLines(readFileSync(path, 'latin1')));
      throw new Error(`no agent at port ${port} of the guest: ${String(error)}\n${logs.join('\n')}`, { cause: error });
    });
    return {
      hybridSocket,
      cid: GUEST_CID,
      readyMs: performance.now() - begin,
      log,
      pids: () => pidsInGroup(kernel.pid),
      // Only the kernel: it takes a stop of the processes that it traces for one of the guest's, and falls over it.
      pause: () => void process.kill(kernel.pid, 'SIGSTOP'),
      resume: () => void process.kill(kernel.pid, 'SIGCONT'),
      async kill() {
        kernel.kill();
        await kernel.ended;
        // It ends with the machine.
        await device.ended;
      },
      stop,
    };
  } catch (error) {
    // The error has the device's log already.
    await stop().catch(() => {});
    throw error;
  }
}

function kernelParameters(file: (name: string) => string, vhostSocket: string, memory: string): string[] {
  return [
    `mem=${memory}`,
    `initrd=${file('initramfs')}`,
    `uml_dir=${file('uml')}`,
    'umid=guest',
    // The console is our file; no other one, or the kernel looks for a terminal program.
    'con0=null,fd:1',
    'con=null',
    'ssl=null',
    `virtio_uml.device=${vhostSocket}:${VSOCK_DEVICE}`,
    // Spends most of a second on finding out how it would best compute RAID 6.
    'initcall_blacklist=raid6_select_algo',
  ];
}

/** @throws Error when the guest ends, or its agent. */
async function untilListening(guest: Group, hybridSocket: string, port: number, log: () => string): Promise<void> {
  // Ends also a connection that waits for a driver that never comes.
  const timer = setTimeout(() => guest.kill(), READY_MS);
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const connection = await dialHybrid(hybridSocket, port);
      connection?.destroy();
      if (connection !== undefined) return;
      if (guest.hasEnded()) throw new Error('the guest has ended');
      if (log().includes(AGENT_ENDED)) throw new Error('its agent has ended');
      // oxlint-disable-next-line no-await-in-loop
      await sleep(10);
    }
  } finally {
    clearTimeout(timer);
  }
}

interface Group {
  readonly pid: number;
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** Whether it has ended by itself, and not well. */
  failed(): boolean;
  kill(): void;
}

/** Starts a program as the leader of a group of processes, which ends at the latest with the run of the tests. */
function startGroup([program, ...args]: readonly [string, ...string[]], log: string): Group {
  const output = openSync(log, 'w');
  // Where a core would be written, should it crash.
  const cwd = dirname(log);
  const child: ChildProcess = spawn(program, args, { cwd, stdio: ['ignore', output, output], detached: true });
  closeSync(output);
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${program} cannot be started`);
  const startTime = processInfo(pid)?.startTime ?? '';
  const forget = remember({ type: 'group', leader: pid, startTime });
  let over = false;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      // Its leader has ended; the others do not end by themselves.
      killGroup(pid, startTime);
      forget();
      over = true;
      resolve();
    });
  });
  return {
    pid,
    ended,
    hasEnded: () => over,
    failed: () => (child.exitCode ?? 0) !== 0,
    kill: () => killGroup(pid, startTime),
  };
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n');
}
