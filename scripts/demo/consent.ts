/** Whether the demo may change this host. */

/** What to do about packages that are missing. */
export type Decision = 'install' | 'ask' | 'refuse';

/** Where the demo was started. */
export interface Situation {
  /** `--yes` was given. */
  readonly agreed: boolean;
  /** There is somebody to ask. */
  readonly atTerminal: boolean;
  /** This host is a node of a Proxmox cluster, where nothing is installed unasked. */
  readonly onProxmoxNode: boolean;
}

/** A machine that nobody sits at and that is no Proxmox node is taken for a test machine. */
export function decide({ agreed, atTerminal, onProxmoxNode }: Situation): Decision {
  if (agreed) return 'install';
  if (atTerminal) return 'ask';
  return onProxmoxNode ? 'refuse' : 'install';
}
