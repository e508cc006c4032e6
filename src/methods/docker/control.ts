import type { Container } from '../../model/container.ts';
import type { Engine } from '../../model/engine.ts';
import type { ForwardedSignal } from '../../model/session.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { CONTROL_EXIT, CONTROL_SCRIPT } from '../agent/guest-script.ts';
import { createExecution, lookAt, startExecution } from './execution.ts';
import { CommandOutput } from './output.ts';

/**
 * Finds the command among the processes that bear the execution's id: what is started in a container from outside has no
 * parent there. Then goes on as CONTROL_SCRIPT, which is written for virtual machines.
 *
 * $1 what to do, as CONTROL_SCRIPT; $2 execution id
 */
const SCRIPT = `
command -v grep >/dev/null 2>&1 || exit 4
if [ "$1" = PROBE ]; then exit 0; fi
PROXMOX_LXCRI_S_command=0
for PROXMOX_LXCRI_S_f in $(grep -ls -e "${TAG_VARIABLE}=$2" /proc/[0-9]*/environ 2>/dev/null); do
  PROXMOX_LXCRI_S_f=\${PROXMOX_LXCRI_S_f%/environ}
  { read -r PROXMOX_LXCRI_S_l <"$PROXMOX_LXCRI_S_f/stat"; } 2>/dev/null || continue
  PROXMOX_LXCRI_S_l=\${PROXMOX_LXCRI_S_l##*) }
  case $PROXMOX_LXCRI_S_l in ?" 0 "*) PROXMOX_LXCRI_S_command=\${PROXMOX_LXCRI_S_f#/proc/} ;; esac
done
set -- "$1" "$PROXMOX_LXCRI_S_command" "$2" -
${CONTROL_SCRIPT}`;

/** How long one of our own commands in a container may take. */
const LIMIT_MS = 20_000;

/**
 * Acts on a command's processes from within their container, where the engine is another host's: by a second execution.
 * It needs a shell and grep there.
 */
export class ControlInside {
  readonly #engine: Engine;
  readonly #containerId: string;
  readonly #execId: string;

  constructor(engine: Engine, { id }: Pick<Container, 'id'>, execId: string) {
    this.#engine = engine;
    this.#containerId = id;
    this.#execId = execId;
  }

  /** Whether the container has the means for it. */
  async isPossible(): Promise<boolean> {
    return (await this.#run('PROBE')) === 0;
  }

  /** Resolves to whether nothing is left. */
  async kill(): Promise<boolean> {
    return (await this.#run('KILL')) === CONTROL_EXIT.done;
  }

  async signal(signal: ForwardedSignal | 'SIGPIPE'): Promise<void> {
    await this.#run(signal.replace(/^SIG/, ''));
  }

  /** The exit code; `undefined` where there is none. */
  async #run(what: string): Promise<number | undefined> {
    const abort = AbortSignal.timeout(LIMIT_MS);
    try {
      const made = await createExecution(
        this.#engine,
        this.#containerId,
        {
          words: ['/bin/sh', '-c', SCRIPT, 'sh', what, this.#execId],
          env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
          // Whoever the command runs as.
          user: '0',
          workdir: '/',
          privileged: false,
          stdin: false,
          terminal: undefined,
        },
        abort,
      );
      if ('refused' in made) return undefined;
      const started = await startExecution(this.#engine, made.id, undefined);
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
      const state = await lookAt(this.#engine, made.id, abort);
      return state.kind === 'ended' ? state.exitCode : undefined;
    } catch {
      // Whatever was in the way: it was not done.
      return undefined;
    }
  }
}
