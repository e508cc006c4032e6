/** Who calls a hook. */
export type HookPlatform = 'proxmox' | 'oci';

/** The values of `status` in an OCI state (runtime-spec 1.2, runtime.md "State"). */
export const OCI_STATUSES = ['creating', 'created', 'running', 'stopped'] as const;
export type OciStatus = (typeof OCI_STATUSES)[number];

/** A moment in a container's life at which hooks are called, and what that means for running commands. */
export interface Phase {
  readonly platform: HookPlatform;
  readonly name: string;
  /** Whether the container whose hook this is runs then, so that a command can run in it. */
  readonly runs: boolean;
  /** Whether the hook itself runs in the container's namespaces, from which LXC on this host cannot be reached. */
  readonly inside: boolean;
  /** What `status` an OCI state can have then; empty where there is no state. */
  readonly statuses: readonly OciStatus[];
  /** What a failure of the hook does, for messages. */
  readonly afterFailure: string;
}

function proxmox(name: string, runs: boolean, afterFailure: string): Phase {
  return { platform: 'proxmox', name, runs, inside: false, statuses: [], afterFailure };
}

function oci(name: string, where: 'host' | 'inside', statuses: readonly OciStatus[], afterFailure: string): Phase {
  const runs = name === 'poststart';
  return { platform: 'oci', name, runs, inside: where === 'inside', statuses, afterFailure };
}

const GIVEN_UP = 'the runtime gives the container up because of this';

/**
 * Every phase of both platforms.
 *
 * Proxmox VE: `exec_hookscript` of pve-guest-common's GuestHelpers.pm, called by `vm_start` and `vm_stop` of
 * pve-container's LXC.pm and by its poststop hook; only pre-start is called so that a failure counts.
 * OCI: runtime-spec 1.2, config.md "POSIX-platform Hooks" and runtime.md "Lifecycle". The statuses are wider than there,
 * because runtimes differ: runc up to 1.4 calls poststart at the end of `create`, with status created, and ends the
 * container when it fails (measured with runc 1.1.5); crun says created where the specification says creating.
 */
export const PHASES: readonly Phase[] = [
  proxmox('pre-start', false, "this aborts the guest's start"),
  proxmox('post-start', true, 'the guest keeps running'),
  proxmox('pre-stop', true, 'the guest is stopped all the same'),
  proxmox('post-stop', false, 'nothing else is affected'),
  oci('prestart', 'host', ['creating', 'created'], GIVEN_UP),
  oci('createRuntime', 'host', ['creating', 'created'], GIVEN_UP),
  oci('createContainer', 'inside', ['creating', 'created'], GIVEN_UP),
  oci('startContainer', 'inside', ['creating', 'created'], GIVEN_UP),
  oci('poststart', 'host', ['created', 'running'], 'runc ends the container because of this, crun lets it run'),
  oci('poststop', 'host', ['stopped'], 'the container is deleted all the same'),
];

/** The phases of a platform, in the order in which they come. */
export function phasesOf(platform: HookPlatform): Phase[] {
  return PHASES.filter((phase) => phase.platform === platform);
}
