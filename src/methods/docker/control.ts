import { setTimeout as sleep } from 'node:timers/promises';

import type { Container } from '../../model/container.ts';
import type { Engine } from '../../model/engine.ts';
import type { ForwardedSignal } from '../../model/session.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { CONTROL_EXIT, CONTROL_SCRIPT } from '../agent/guest-script.ts';
import { BROKEN_ATTACH, createExecution, lookAt, startExecution } from './execution.ts';
import type { ExecutionState } from './execution.ts';
import { CommandOutput } from './output.ts';

/** What the script exits with where it sees no process of the execution: there is none, or it may not be looked at. */
const NOTHING_SEEN = 5;

/**
 * Finds the command among the processes that bear the execution's id: what is started in a container from outside has no
 * parent there. Then goes on as CONTROL_SCRIPT, which is written for virtual machines.
 *
 * $1 what to do, as CONTROL_SCRIPT; $2 execution id
 */
const SCRIPT = `
command -v grep >/dev/null 2>&1 || exit 4
if [ "$1" = PROBE ]; then grep -qs -e PATH= "/proc/$$/environ"; exit; fi
PROXMOX_LXCRI_S_command=0 PROXMOX_LXCRI_S_seen=
for PROXMOX_LXCRI_S_f in $(grep -ls -e "${TAG_VARIABLE}=$2" /proc/[0-9]*/environ 2>/dev/null); do
  PROXMOX_LXCRI_S_seen=1
  PROXMOX_LXCRI_S_f=\${PROXMOX_LXCRI_S_f%/environ}
  { read -r PROXMOX_LXCRI_S_l <"$PROXMOX_LXCRI_S_f/stat"; } 2>/dev/null || continue
  PROXMOX_LXCRI_S_l=\${PROXMOX_LXCRI_S_l##*) }
  case $PROXMOX_LXCRI_S_l in ?" 0 "*) PROXMOX_LXCRI_S_command=\${PROXMOX_LXCRI_S_f#/proc/} ;; esac
done
if [ -z "$PROXMOX_LXCRI_S_seen" ]; then exit ${NOTHING_SEEN}; fi
set -- "$1" "$PROXMOX_LXCRI_S_command" "$2" -
${CONTROL_SCRIPT}`;

/** How long one of our own commands in a container may take. */
const LIMIT_MS = 20_000;

/** How long the engine may take to see the end of a command that was killed. */
const SEEN_MS = 3000;
const SEEN_PAUSE_MS = 100;

const ROOT = '0';
const NAMES_OF_ROOT = /^(|root|0)(:(|root|0))?$/;

/** Whose processes are acted on. */
export interface ControlTarget {
  readonly engine: Engine;
  readonly container: Pick<Container, 'id'>;
  /** Of the request: the tag of its processes. */
  readonly execId: string;
  /** Who the command runs as, in the engine's form; "" for root. */
  readonly user: string;
  readonly privileged: boolean;
}

/**
 * Acts on a command's processes from within their container, where the engine is another host's: by further executions.
 * They need a shell and grep there. An environment is shown to the user of the process and to CAP_SYS_PTRACE alone, which
 * root has not got in a container: so it is done as the command's user, and as root for what became root.
 */
export class ControlInside {
  readonly #target: ControlTarget;
  readonly #users: readonly string[];

  constructor(target: ControlTarget) {
    this.#target = target;
    this.#users = NAMES_OF_ROOT.test(target.user) ? [ROOT] : [target.user, ROOT];
  }

  /** Whether the container has the means for it. */
  async isPossible(): Promise<boolean> {
    const codes = await Promise.all(this.#users.map((user) => this.#run('PROBE', user)));
    return codes.every((code) => code === 0);
  }

  /**
   * Resolves to whether nothing is left: nobody sees anything, and the engine does not say that the command runs.
   *
   * @param id the engine's id of the command's execution.
   */
  async kill(id: string): Promise<boolean> {
    const [user = ROOT, root] = this.#users;
    const codes = [await this.#run('KILL', user)];
    if (root !== undefined) {
      codes.push(await this.#run('KILL', root));
      // What it saw and could not end may be ended by now.
      if (codes[0] === CONTROL_EXIT.left) codes[0] = await this.#run('KILL', user);
    }
    if (!codes.every((code) => code === CONTROL_EXIT.done || code === NOTHING_SEEN)) return false;
    return this.#isOver(id, codes.includes(CONTROL_EXIT.done));
  }

  async signal(signal: ForwardedSignal | 'SIGPIPE'): Promise<void> {
    for (const user of this.#users) {
      // oxlint-disable-next-line no-await-in-loop -- root only where the user did not find it
      if ((await this.#run(signal.replace(/^SIG/, ''), user)) === 0) return;
    }
  }

  async #isOver(id: string, wasSeen: boolean): Promise<boolean> {
    for (const deadline = Date.now() + SEEN_MS; ; ) {
      let state: ExecutionState;
      try {
        // oxlint-disable-next-line no-await-in-loop -- one look after the other
        state = await lookAt(this.#target.engine, id, AbortSignal.timeout(LIMIT_MS));
      } catch {
        return false;
      }
      if (state.kind === 'never-started') return true;
      if (state.kind === 'ended') return wasSeen || state.exitCode !== BROKEN_ATTACH;
      if (state.kind !== 'running' || Date.now() > deadline) return false;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await sleep(SEEN_PAUSE_MS);
    }
  }

  /** The exit code; `undefined` where there is none. */
  async #run(what: string, user: string): Promise<number | undefined> {
    const { engine, container, execId, privileged } = this.#target;
    const abort = AbortSignal.timeout(LIMIT_MS);
    try {
      const made = await createExecution(
        engine,
        container.id,
        {
          words: ['/bin/sh', '-c', SCRIPT, 'sh', what, execId],
          env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          user,
          workdir: '/',
          // A process with more capabilities does not show its environment either.
          privileged,
          stdin: false,
          terminal: undefined,
        },
        abort,
      );
      if ('refused' in made) return undefined;
      const started = await startExecution(engine, made.id, undefined);
      if (!('stream' in started)) return undefined;
      const output = new CommandOutput(started.stream, {
        framed: true,
        stdout: false,
        stderr: false,
        mayBeReset: started.mayBeReset,
        onUnread: () => {},
      });
      output.open();
      const stop = (): void => output.close();
      abort.addEventListener('abort', stop);
      await output.ended;
      abort.removeEventListener('abort', stop);
      const state = await lookAt(engine, made.id, abort);
      return state.kind === 'ended' ? state.exitCode : undefined;
    } catch {
      // Whatever was in the way: it was not done.
      return undefined;
    }
  }
}
