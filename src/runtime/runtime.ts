import { constants } from 'node:os';

import type { ManyResult } from '../model/many.ts';
import type { MethodName, Word } from '../model/request.ts';
import type { ContainerProcesses } from '../model/process.ts';
import type { ContainerSummary } from '../model/status.ts';
import { killContainer } from '../oci/lifecycle/kill.ts';
import type { Change } from '../oci/lifecycle/lifecycle.ts';
import { startContainer } from '../oci/lifecycle/start.ts';
import { stopContainer } from '../oci/lifecycle/stop.ts';
import type { Stopped } from '../oci/lifecycle/stop.ts';
import { listEverything } from '../oci/list.ts';
import { hostInventory } from '../oci/locate.ts';
import type { HostInventory } from '../oci/locate.ts';
import { refuseUnlessRoot } from '../oci/privileges.ts';
import { listProcesses } from '../oci/processes.ts';
import { ociState } from '../oci/state.ts';
import type { OciState } from '../oci/state.ts';
import { containerStatus } from '../oci/status.ts';
import { DELAY_EXPECTED, checkExec, checkMethods, checkTarget, isDelay } from './check-exec.ts';
import { checkExecMany, execMany } from './exec-many.ts';
import type { ExecManyOptions } from './exec-many.ts';
import type { ExecOptions, InputMode, OutputMode } from './exec-options.ts';
import type { ExecSession } from './exec-session.ts';
import { startSession } from './session.ts';
import { checkNames, checkOption, isAbortSignal, shown, usageError } from './usage.ts';

/**
 * Where a {@link Runtime} looks for containers, and how it reaches them; everything is optional. The configuration files and
 * variables of the command line are not read: what a program does is said by the program.
 */
export interface RuntimeOptions {
  /**
   * Directories that hold LXC containers; LXC's default one is always among them. Default: `lxc.lxcpath` of LXC's own
   * configuration.
   */
  readonly lxcpath?: string | readonly string[] | undefined;
  /** Where the Proxmox configuration is mounted. Default: `/etc/pve`. */
  readonly pveDirectory?: string | undefined;
  /**
   * The methods that `exec` tries, in order, where a call names none. Those of another platform than the container's are
   * passed over; where none is left, the default holds: `proxmox-api`, `pct`, `lxc-attach` for containers of Proxmox VE and
   * LXC; all others have one method only, which needs no place here.
   */
  readonly methods?: readonly MethodName[] | undefined;
}

/** Names a container more exactly. */
export interface TargetOptions {
  /** The Proxmox node of the container, where it is not found by itself. */
  readonly node?: string | undefined;
}

/** How to list the processes inside a container; everything is optional. */
export interface ProcessesOptions extends TargetOptions {
  /** Leave out the names of users, for which a command is run in the container. */
  readonly numeric?: boolean | undefined;
}

/** How to start a container; everything is optional. */
export interface StartOptions extends TargetOptions {
  /** Wait until a command can run in it. Default: only until it runs. */
  readonly wait?: boolean | undefined;
  /** How long to wait at most. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting: the promise rejects with the signal's reason. What the container was asked for may still happen. */
  readonly signal?: AbortSignal | undefined;
}

/** How to stop a container; everything is optional. */
export interface StopOptions extends TargetOptions {
  /** Kill everything in it at once. */
  readonly force?: boolean | undefined;
  /** How long it may take to shut down before it is killed. Default 60 s. */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting: the promise rejects with the signal's reason. What the container was asked for may still happen. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Containers, for a program: what the command line can do, with the same results and errors. For those of LXC it needs to
 * run as root. A container is named as on the command line: by its id or name, or more exactly (`lxc:web`, `docker:web`).
 *
 * It installs no signal handlers, never ends the process, and touches its standard streams only where they are to be
 * inherited. A command still running when this process dies, however it dies, is ended.
 */
export interface Runtime {
  /**
   * Runs a command in a container: validates first, starts it at most once, supervises it, and reports what happened.
   *
   * @param target the container.
   * @param command the words of the command, each as it is to arrive; a `Uint8Array` where it is not text. Empty, with a
   *   terminal: the user's login shell.
   * @returns at once. To await it gives the result, which also holds every failure; it does not reject.
   * @throws LxcriError `UsageError` or `MissingCommand` at once, for arguments that no container could make right.
   */
  exec<
    Stdin extends InputMode = 'ignore',
    Stdout extends OutputMode = 'capture',
    Stderr extends OutputMode = 'capture',
  >(
    target: string,
    command: readonly Word[],
    options?: ExecOptions<Stdin, Stdout, Stderr>,
  ): ExecSession<Stdin, Stdout, Stderr>;

  /**
   * Runs one command in several containers: at most ten at the same time, in their order, each as {@link Runtime.exec} does.
   * First it is found out of every one whether the command can be started there; if it cannot in one, nothing is started at
   * all, and the result's `error` says so.
   *
   * @param targets the containers; `k8s:NAMESPACE/deploy:NAME` stands for the running pods of a workload.
   * @param command as for `exec`; it gets no standard input.
   * @returns what happened in each. It never rejects for anything that a user or a container can cause.
   * @throws LxcriError `UsageError` or `MissingCommand` at once, for arguments that no container could make right.
   */
  execMany(targets: readonly string[], command: readonly Word[], options?: ExecManyOptions): Promise<ManyResult>;

  /**
   * Lists the containers of this host with what each is doing, Proxmox's own first, and those of the Docker engine that
   * this process's variables name, or that answers at the usual place.
   *
   * @throws LxcriError `PlatformUnreachable` when they cannot be listed, `PermissionDenied`, `ConfigError`.
   */
  ps(): Promise<ContainerSummary[]>;

  /**
   * Lists the processes inside a container, running or frozen.
   *
   * @throws LxcriError `ContainerNotRunning`, `OperationFailed`, `PermissionDenied`, `UsageError`, and those of finding it.
   */
  processes(target: string, options?: ProcessesOptions): Promise<ContainerProcesses>;

  /**
   * Starts a container and waits until it runs. One that runs already is left alone.
   *
   * @throws LxcriError `ContainerFrozen`, `ContainerLocked`, `ExecutionTimeout`, `OperationFailed` with what the platform
   *   said, `PermissionDenied`, `UsageError`, and those of finding it: `ContainerNotFound`, `AmbiguousContainer`,
   *   `PlatformUnreachable`, `NoMethodAvailable`.
   */
  start(target: string, options?: StartOptions): Promise<Change>;

  /**
   * Shuts a container down, and kills everything in it when it takes too long. One that is stopped is left alone.
   *
   * @throws LxcriError as {@link Runtime.start}; `ContainerFrozen` not with `force`.
   */
  stop(target: string, options?: StopOptions): Promise<Stopped>;

  /**
   * Sends a signal to a container's init process; the kernel ends everything in a container when its init ends.
   *
   * @param signal Default SIGKILL, after which it also waits until the container is stopped.
   * @throws LxcriError `ContainerNotRunning`, `OperationFailed`, `PermissionDenied`, `UsageError`, and those of finding it.
   */
  kill(target: string, signal?: NodeJS.Signals, options?: TargetOptions): Promise<Change>;

  /**
   * The state of a container as the OCI runtime specification defines it.
   *
   * @throws LxcriError `PermissionDenied`, `UsageError`, and those of finding it.
   */
  state(target: string, options?: TargetOptions): Promise<OciState>;
}

/** What package.json asks for as well, which not every package manager obeys. */
const OLDEST_NODE = [22, 19] as const;

function refuseOldNode(): void {
  const found = process.versions.node;
  const [major = 0, minor = 0] = found.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw usageError(`Node.js ${found} is too old for proxmox-lxcri`, `run it with ${OLDEST_NODE.join('.')} or later`);
}

/**
 * Makes a {@link Runtime}. It need not be closed: what it keeps for the next call keeps no program from ending.
 *
 * @throws LxcriError `UsageError` for an option that is wrong, or a Node.js that is too old.
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  refuseOldNode();
  checkNames(options, ['lxcpath', 'pveDirectory', 'methods']);
  checkOption('lxcpath', options.lxcpath, isLxcpath, 'an absolute path without ":", or an array of one or more such');
  checkOption('pveDirectory', options.pveDirectory, isAbsolutePath, 'an absolute path');
  checkMethods(options.methods);
  const { methods: preferredMethods } = options;
  const inventory = inventoryOf(options);
  return {
    exec: <Stdin extends InputMode, Stdout extends OutputMode, Stderr extends OutputMode>(
      target: string,
      command: readonly Word[],
      given: ExecOptions<Stdin, Stdout, Stderr> = {},
    ) => {
      const call = checkExec(target, command, given);
      return startSession(inventory, target, { ...call, preferredMethods });
    },
    execMany: (targets, command, given = {}) => {
      const call = checkExecMany(targets, command, given);
      return execMany(inventory, { ...call, preferredMethods });
    },
    ps: async () => {
      refuseUnlessRoot();
      const { containers, unreachable } = await listEverything({ ...inventory, docker: process.env });
      // A list with a gap would look like a whole one.
      for (const { error } of unreachable) throw error;
      return containers;
    },
    processes: async (target, given = {}) => {
      checkCall(target, given, ['node', 'numeric']);
      return listProcesses(inventory, target, given);
    },
    start: async (target, given = {}) => {
      checkCall(target, given, ['node', 'wait', 'timeoutMs', 'signal']);
      const { signal, ...rest } = given;
      return abortable(signal, () => startContainer(inventory, target, { ...rest, abort: signal }));
    },
    stop: async (target, given = {}) => {
      checkCall(target, given, ['node', 'force', 'timeoutMs', 'signal']);
      const { signal, ...rest } = given;
      return abortable(signal, () => stopContainer(inventory, target, { ...rest, abort: signal }));
    },
    kill: async (target, signal = 'SIGKILL', given = {}) => {
      checkCall(target, given, ['node']);
      if (!Object.hasOwn(constants.signals, signal))
        throw usageError(`there is no signal ${shown(signal)}`, 'use a name such as SIGTERM, SIGHUP or SIGKILL');
      return killContainer(inventory, target, signal, given.node);
    },
    state: async (target, given = {}) => {
      checkCall(target, given, ['node']);
      return ociState(await containerStatus(inventory, target, given.node));
    },
  };
}

function isAbsolutePath(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('/');
}

function isLxcpath(value: unknown): boolean {
  const paths = [value].flat();
  return paths.length > 0 && paths.every((path) => isAbsolutePath(path) && !String(path).includes(':'));
}

function inventoryOf({ lxcpath, pveDirectory }: RuntimeOptions): HostInventory {
  return hostInventory({ lxcpath: lxcpath === undefined ? undefined : [lxcpath].flat(), pveDirectory });
}

type CallOptions = ProcessesOptions & StartOptions & StopOptions;

function checkCall(target: unknown, options: CallOptions, names: readonly (keyof CallOptions)[]): void {
  checkTarget(target);
  checkNames(options, names);
  const isFlag = (value: unknown): boolean => typeof value === 'boolean';
  checkOption('node', options.node, (value) => typeof value === 'string', 'the name of a Proxmox node');
  checkOption('numeric', options.numeric, isFlag, 'true or false');
  checkOption('wait', options.wait, isFlag, 'true or false');
  checkOption('force', options.force, isFlag, 'true or false');
  checkOption('timeoutMs', options.timeoutMs, isDelay, DELAY_EXPECTED);
  checkOption('signal', options.signal, isAbortSignal, 'an AbortSignal');
  if (!/^(docker|k8s|vsock):/.test(String(target))) refuseUnlessRoot();
}

/** Work that rejects with the signal's reason when it was aborted, whatever it failed with. */
async function abortable<Value>(signal: AbortSignal | undefined, work: () => Promise<Value>): Promise<Value> {
  signal?.throwIfAborted();
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
