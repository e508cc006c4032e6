/** A real LXC container for a test: cheap to make, and gone when the tests are. */
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { remember } from '../ledger.ts';
import { DEFAULT_LXCPATH, RUN_PREFIX } from '../places.ts';
import { pidsInNamespaceOf } from '../proc.ts';
import { rootfsOf } from '../rootfs/cache.ts';
import { type Kind, kindSpec } from '../rootfs/kinds.ts';
import { ID_BASE } from '../rootfs/shift.ts';
import { type Argv, must, type RunOptions, type RunResult, run } from '../run.ts';
import { waitFor } from '../wait-for.ts';
import { configText } from './config.ts';
import { type ContainerFiles, writeFiles } from './files.ts';
import { killContainer, removeContainer } from './remove.ts';

export interface ContainerOptions {
  kind: Kind;
  /** Default: a name of its own. A VMID as name wants an lxcpath of its own, see `scratchDirectory`. */
  name?: string;
  /** Default: LXC's own, /var/lib/lxc. */
  lxcpath?: string;
  unprivileged?: boolean;
  /** Further lines of LXC configuration. */
  config?: readonly string[];
  files?: ContainerFiles;
}

export interface Container {
  readonly kind: Kind;
  readonly name: string;
  readonly lxcpath: string;
  readonly unprivileged: boolean;
  /** Returns when commands can be run in it; for systemd when the boot has ended. */
  start(): Promise<void>;
  /** At once, by SIGKILL; also when frozen. */
  stop(): Promise<void>;
  freeze(): Promise<void>;
  unfreeze(): Promise<void>;
  destroy(): Promise<void>;
  /** As LXC names them: STOPPED, RUNNING, FROZEN ... */
  state(): Promise<string>;
  running(): Promise<boolean>;
  /** The host's pid of the container's first process; throws when it is stopped. */
  initPid(): Promise<number>;
  /** The host's pids of every process inside, attached ones too; none when it is stopped. */
  pids(): Promise<number[]>;
  /** Bare `lxc-attach --clear-env`, to look inside without the code under test. */
  attach(argv: Argv, options?: RunOptions): Promise<RunResult>;
}

const READY_TIMEOUT_MS = 60_000;
let created = 0;

/** Makes a container, stopped. */
export async function createContainer(options: ContainerOptions): Promise<Container> {
  created += 1;
  const { kind, name = `${RUN_PREFIX}${created}-${kind}`, lxcpath = DEFAULT_LXCPATH, unprivileged = false } = options;
  const spec = kindSpec(kind);
  const lower = rootfsOf(kind, { unprivileged });
  const directory = join(lxcpath, name);
  // First, and failing when it exists: what is written down below will be removed, and must be ours.
  mkdirSync(directory);
  const forget = remember({ type: 'container', lxcpath, name });
  const upper = join(directory, 'delta');
  for (const each of [directory, upper, join(directory, 'work')]) {
    mkdirSync(each, { recursive: true });
    chmodSync(each, 0o755);
    if (unprivileged) {
      chownSync(each, ID_BASE, ID_BASE);
    }
  }
  writeFiles({ lower, upper, unprivileged }, options.files ?? {});
  const lines = [...spec.config, ...(options.config ?? [])];
  writeFileSync(join(directory, 'config'), configText({ name, lower, upper, unprivileged, lines }));
  return containerAt({ kind, name, lxcpath, unprivileged }, forget);
}

/** Makes a container and starts it. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const container = await createContainer(options);
  await container.start();
  return container;
}

type Identity = Pick<Container, 'kind' | 'name' | 'lxcpath' | 'unprivileged'>;

function containerAt(identity: Identity, forget: () => void): Container {
  const { kind, name, lxcpath } = identity;
  const address = ['-n', name, '-P', lxcpath] as const;

  const info = async (what: '-s' | '-p'): Promise<string> =>
    (await must(['lxc-info', ...address, what, '-H'])).stdout.trim();

  const attach: Container['attach'] = (argv, options = {}) =>
    // From "/", because lxc-attach goes to its own working directory where the container has the same path.
    run(['lxc-attach', ...address, '--clear-env', '--', ...argv], { cwd: '/', ...options });

  const initPid = async (): Promise<number> => {
    const pid = Number(await info('-p'));
    if (!(pid > 0)) {
      throw new Error(`the container ${name} has no init: it is ${await info('-s')}`);
    }
    return pid;
  };

  return {
    ...identity,
    attach,
    initPid,
    async start() {
      const log = join(lxcpath, name, 'lxc.log');
      const started = await run(['lxc-start', ...address, '-l', 'WARN', '-o', log]);
      if (started.exitCode !== 0) {
        throw new Error(`lxc-start ${name}: ${started.stderr}\n${readFileSync(log, 'utf8')}`);
      }
      const { ready } = kindSpec(kind);
      if (ready !== undefined) {
        await waitFor(async () => ready.output.test((await attach(ready.command)).stdout), {
          what: `${ready.command.join(' ')} in ${name} to say ${ready.output}`,
          timeoutMs: READY_TIMEOUT_MS,
          intervalMs: 50,
        });
      }
    },
    async stop() {
      killContainer({ lxcpath, name });
    },
    async freeze() {
      await must(['lxc-freeze', ...address]);
    },
    async unfreeze() {
      await must(['lxc-unfreeze', ...address]);
    },
    async destroy() {
      removeContainer({ lxcpath, name });
      forget();
    },
    state: () => info('-s'),
    async running() {
      return (await info('-s')) === 'RUNNING';
    },
    async pids() {
      return (await info('-s')) === 'STOPPED' ? [] : pidsInNamespaceOf(await initPid());
    },
  };
}
