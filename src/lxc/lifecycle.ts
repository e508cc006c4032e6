import type { LxcHandle } from '../model/container.ts';
import { runTool } from '../process/run-tool.ts';
import { reasonSince, logEnd, logOptions } from './log.ts';

/** Ways to start and end a container of plain LXC. Each resolves to what went wrong, or to `undefined`. */
export const lxcLifecycle = {
  /** Starts it as a daemon; ends when its init runs, or never will. */
  async start(container: LxcHandle, abort?: AbortSignal): Promise<string | undefined> {
    const before = logEnd(container);
    const args = ['-n', container.name, '-P', container.lxcpath, '-d', ...logOptions(container)];
    const said = await runTool('lxc-start', args, abort);
    if (said === undefined) return undefined;
    // What lxc-start itself says is only that it failed.
    return reasonSince(before) ?? said;
  },

  /** Asks its init to shut down (`lxc.signal.halt`), and waits for that; it may go on running. */
  shutdown(container: LxcHandle, seconds: number, abort?: AbortSignal): Promise<string | undefined> {
    return runTool(
      'lxc-stop',
      ['-n', container.name, '-P', container.lxcpath, '--nokill', '-t', String(seconds)],
      abort,
    );
  },

  /** Lets a frozen one run on. */
  thaw(container: LxcHandle): Promise<string | undefined> {
    return runTool('lxc-unfreeze', ['-n', container.name, '-P', container.lxcpath]);
  },

  /** Kills everything in it, also if it is frozen. */
  kill(container: LxcHandle, abort?: AbortSignal): Promise<string | undefined> {
    return runTool('lxc-stop', ['-n', container.name, '-P', container.lxcpath, '-k'], abort);
  },
};
