import type { HookPlatform, OciStatus, Phase } from './phases.ts';

/** A call of a hook: whose, and in which phase. */
export interface HookEvent {
  readonly platform: HookPlatform;
  /** The VMID, or the id of the state. */
  readonly subject: string;
  /** An OCI state names no phase: these are the ones it can be. Of Proxmox it is one, or none where it is unknown here. */
  readonly phases: readonly Phase[];
  /** The phase's name as Proxmox gave it, or the state's status. */
  readonly moment: string;
}

const SHOWN_CHARACTERS = 80;

/** `hook post-start of 101`, for messages; it may hold anything that a state can hold as an id. */
export function describeEvent({ platform, subject, phases, moment }: HookEvent): string {
  const id = subject.length > SHOWN_CHARACTERS ? `${subject.slice(0, SHOWN_CHARACTERS)}...` : subject;
  const [phase] = phases;
  if (phases.length === 1 && phase !== undefined) return `hook ${phase.name} of ${id}`;
  return platform === 'proxmox' ? `hook ${moment} of ${id}` : `hook of ${id} (${moment})`;
}

/** What a failure does, for messages: `this aborts the guest's start`. */
export function afterFailure({ phases }: HookEvent): string {
  return [...new Set(phases.map((phase) => phase.afterFailure))].join(', or ');
}

/** An OCI hook's event: the phases, among those asked for, in which a state can have this status. */
export function ociEvent(subject: string, status: OciStatus, wanted: readonly Phase[]): HookEvent {
  return {
    platform: 'oci',
    subject,
    moment: status,
    phases: wanted.filter(({ statuses }) => statuses.includes(status)),
  };
}
