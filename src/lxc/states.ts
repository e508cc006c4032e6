import { readFileSync } from 'node:fs';

import type { LxcHandle } from '../model/container.ts';
import { monitorTitles } from '../process/proc.ts';
import { commandSocketName } from './command-socket.ts';
import { lxcState } from './state.ts';
import type { ContainerState } from './state.ts';

/** Each question is two sockets; the usual limit of open files is 1024. */
const ASKED_AT_ONCE = 100;

/**
 * The states of many containers, in the order given. Only those whose monitor listens are asked: which these are is in
 * the kernel's list of sockets (/proc/net/unix, proc_net(5); abstract names begin with "@"), so a stopped container
 * costs next to nothing.
 */
export async function lxcStates(containers: readonly LxcHandle[]): Promise<ContainerState[]> {
  const listening = listeningNames();
  let titles: ReadonlySet<string> | undefined;
  const stateOf = async (container: LxcHandle): Promise<ContainerState> => {
    const socketName = commandSocketName(container.lxcpath, container.name);
    if (socketName === undefined || listening.has(socketName)) return lxcState(container);
    titles ??= monitorTitles();
    const isElsewhere = titles.has(`${container.lxcpath} ${container.name}`);
    return { state: isElsewhere ? 'UNREACHABLE' : 'STOPPED', initPid: undefined };
  };
  const states: ContainerState[] = [];
  for (let from = 0; from < containers.length; from += ASKED_AT_ONCE) {
    // oxlint-disable-next-line no-await-in-loop -- a bounded number at once
    states.push(...(await Promise.all(containers.slice(from, from + ASKED_AT_ONCE).map(stateOf))));
  }
  return states;
}

/** The names of all abstract sockets of this network namespace. */
function listeningNames(): Set<string> {
  return new Set(readFileSync('/proc/net/unix', 'utf8').match(/(?<= @)\/.*$/gm));
}
