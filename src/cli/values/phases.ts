import { LxcriError } from '../../model/errors.ts';
import { PHASES, phasesOf } from '../../oci/hooks/phases.ts';
import type { HookPlatform, Phase } from '../../oci/hooks/phases.ts';
import { nearest } from '../../values/nearest.ts';

/** How the calls of each platform are told apart, for errors. */
const CALLS: Record<HookPlatform, string> = {
  proxmox: 'Proxmox hookscripts, and without VMID and PHASE this is an OCI hook',
  oci: 'OCI hooks, and with VMID and PHASE this is a Proxmox hookscript',
};

/**
 * Parses the values of `--on`: names of phases, separated by commas.
 *
 * @param platform who calls; the names of the other platform's phases are refused.
 * @throws LxcriError `UsageError`
 */
export function parsePhases(values: readonly string[], platform: HookPlatform): Phase[] {
  const known = phasesOf(platform);
  return values
    .flatMap((value) => value.split(','))
    .map((name) => {
      const phase = known.find((each) => each.name === name);
      if (phase === undefined) throw unknown(name, known);
      if (phase.inside) {
        throw new LxcriError(
          'UsageError',
          `--on: ${name} hooks run in the namespaces of their container, from which LXC cannot be reached`,
          `use one or more of: ${names(known.filter(({ inside }) => !inside))}`,
        );
      }
      return phase;
    });
}

function unknown(name: string, known: readonly Phase[]): LxcriError {
  const shown = JSON.stringify(name.slice(0, 64));
  const other = PHASES.find((phase) => phase.name === name);
  const meant =
    known.find((phase) => bare(phase.name) === bare(name))?.name ??
    nearest(
      name,
      known.map((phase) => phase.name),
    );
  const fix = meant === undefined ? `use one or more of: ${names(known)}` : `did you mean ${meant}?`;
  // The words of a hookscript are easily forgotten, and the name of its phase is not wrong then.
  const hint =
    other?.platform === 'proxmox'
      ? `in a Proxmox hookscript write "$@" before "--", which gives the two words; in an OCI hook: ${fix}`
      : fix;
  return new LxcriError(
    'UsageError',
    other === undefined ? `--on: there is no phase ${shown}` : `--on: ${shown} is a phase of ${CALLS[other.platform]}`,
    hint,
  );
}

/** `post-start`, `PostStart` and `post_start` are the same words. */
function bare(name: string): string {
  return name.replaceAll(/[^A-Za-z]/g, '').toLowerCase();
}

function names(phases: readonly Phase[]): string {
  return phases.map(({ name }) => name).join(', ');
}
