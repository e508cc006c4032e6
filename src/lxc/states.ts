import type { LxcHandle } from '../model/container.ts';
import { monitorPids } from '../process/proc.ts';
import { askMonitor, commandSocketName, listeningSockets } from './command-socket.ts';
import { lxcState, silentState, withFreezer } from './state.ts';
import type { ContainerState } from './state.ts';

/** Each question is two sockets; the usual limit of open files is 1024. */
const ASKED_AT_ONCE = 100;

/**
 * The states of many containers, in the order given. Only those whose monitor listens are asked, so a stopped container
 * costs next to nothing; one that does not answer does not keep the others waiting for more than a second.
 */
export async function lxcStates(containers: readonly LxcHandle[]): Promise<ContainerState[]> {
  const listening = listeningSockets();
  let found: ReadonlyMap<string, number> | undefined;
  const stateOf = async (container: LxcHandle): Promise<ContainerState> => {
    const { lxcpath, name } = container;
    const socketName = commandSocketName(lxcpath, name);
    // Its name is a hash, which lxc-info can make.
    if (socketName === undefined) return lxcState(container);
    const listens = listening.has(socketName);
    const answer = listens ? await askMonitor(lxcpath, name) : undefined;
    if (answer !== undefined) return withFreezer(answer);
    // Searched for once, after the monitors were looked for: one that has gone meanwhile is not found.
    found ??= monitorPids();
    return silentState(found.get(`${lxcpath} ${name}`), listens);
  };
  const states: ContainerState[] = [];
  for (let from = 0; from < containers.length; from += ASKED_AT_ONCE) {
    // oxlint-disable-next-line no-await-in-loop -- a bounded number at once
    states.push(...(await Promise.all(containers.slice(from, from + ASKED_AT_ONCE).map(stateOf))));
  }
  return states;
}
