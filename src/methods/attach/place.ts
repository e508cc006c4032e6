import type { Container } from '../../model/container.ts';
import { findExecutable } from '../../process/executable.ts';
import { NotStartedError } from '../method.ts';
import type { Availability } from '../method.ts';
import type { Attacher } from './launch.ts';

/** Whether the node of a container has said that this program is there. */
export function thereIs(program: string, { node, remote }: Container): Availability {
  // Not asked yet.
  if (remote?.found === undefined) return { ok: true };
  if (remote.found.tools.includes(program)) return { ok: true };
  return { ok: false, reason: `${program} is not installed on node ${node}` };
}

/** Where an attaching program is, and how to get there. */
export type Place = Omit<Attacher, 'args'>;

/**
 * Where an attaching program runs for a container: beside it.
 *
 * @throws NotStartedError when it is not installed.
 */
export function whereToRun(program: string, { node, lxc, remote }: Container): Place {
  if (remote !== undefined && node !== undefined)
    return { file: program, node: { node, ssh: remote.ssh }, initPid: remote.found?.initPid };
  const file = findExecutable(program);
  if (file === undefined) throw new NotStartedError(`${program} is not installed`);
  return { file, initPid: lxc?.initPid };
}
