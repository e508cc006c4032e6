/**
 * A container with the guest agent in it, behind the socket of a VMM: what a microVM is to a client, and yet its processes
 * can be seen from here.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { startContainer } from '../lxc.ts';
import type { Container } from '../lxc.ts';
import { startHybrid } from '../microvm/hybrid.ts';
import type { Hybrid } from '../microvm/hybrid.ts';
import { scratchDirectory } from '../scratch.ts';
import { waitFor } from '../wait-for.ts';
import { guestAgent } from '../../../scripts/guest-agent.ts';

export interface GuestContainer {
  readonly container: Container;
  readonly vmm: Hybrid;
  readonly reference: string;
  /** What the agent has logged. */
  log(): string;
  /** Kills the agent, as when its guest dies. */
  killAgent(): Promise<void>;
  startAgent(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one, with an agent that listens on port 2222. */
export async function startGuestContainer(flags: readonly string[] = []): Promise<GuestContainer> {
  const directory = scratchDirectory();
  copyFileSync(guestAgent(), join(directory, 'agent'));
  const container = await startContainer({
    kind: 'busybox',
    config: [`lxc.mount.entry = ${directory} opt none bind,create=dir 0 0`],
  });
  const log = (): string => readFileSync(join(directory, 'log'), 'utf8');
  const startAgent = async (): Promise<void> => {
    // In a session of its own, and not a child of who attaches; with control groups, as a guest has them.
    const script = `
      set -e
      mkdir -p /mnt
      grep -q " /mnt cgroup2" /proc/mounts || mount -t cgroup2 cgroup2 /mnt
      rm -f /opt/s
      setsid /opt/agent -listen unix:/opt/s ${flags.join(' ')} >/opt/log 2>&1 </dev/null &`;
    const { exitCode, stderr } = await container.attach(['sh', '-c', script]);
    if (exitCode !== 0) throw new Error(`the agent cannot be started: ${stderr}`);
    await waitFor(() => log().includes('"ready"'), { what: 'the agent to be ready' });
  };
  const killAgent = async (): Promise<void> => {
    await container.attach(['killall', '-9', 'agent']);
  };
  await startAgent();
  const vmm = await startHybrid({ 2222: join(directory, 's') });
  return {
    container,
    vmm,
    reference: `vsock:${vmm.path}`,
    log,
    killAgent,
    startAgent,
    stop: async () => {
      await vmm.stop();
      await container.destroy();
    },
  };
}
