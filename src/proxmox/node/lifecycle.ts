import { runTool } from '../../process/run-tool.ts';

/**
 * Ways to start and end a container of this Proxmox node, by `pct`, which takes the container's lock, runs its
 * hookscript and tells the cluster's HA manager. Each resolves to what went wrong, or to `undefined`.
 */
export const pctLifecycle = {
  /** For a container that HA manages this only requests the start (PVE/API2/LXC/Status.pm of pve-container 6.1). */
  start(vmid: string, abort?: AbortSignal): Promise<string | undefined> {
    return runTool('pct', ['start', vmid], abort);
  },

  /** Asks its init to shut down, and waits for that; it may go on running. */
  shutdown(vmid: string, seconds: number, abort?: AbortSignal): Promise<string | undefined> {
    return runTool('pct', ['shutdown', vmid, '--timeout', String(seconds), '--forceStop', '0'], abort);
  },

  /** Kills everything in it. */
  kill(vmid: string, abort?: AbortSignal): Promise<string | undefined> {
    return runTool('pct', ['stop', vmid], abort);
  },
};
