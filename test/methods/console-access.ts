/** What a console is opened with, where a test opens it itself. */
import type { ApiClient } from '../../src/proxmox/api/client.ts';
import type { RawTerminal } from '../../src/model/raw-terminal.ts';
import type { ApiAccess } from '../../src/model/remote.ts';
import { openTerminal } from '../../src/proxmox/terminal/open.ts';

/** @param onOpen is given each console that is opened. */
export function consoleAccess(
  client: ApiClient,
  vmid: number,
  onOpen: (terminal: RawTerminal) => void = () => {},
): ApiAccess {
  return {
    context: 'test',
    node: 'pve1',
    vmid: String(vmid),
    type: 'lxc',
    routes: [],
    login: 'token',
    call: (method, path, parameters) => client.call(method, path, parameters as Record<string, string>),
    execEndpoint: () => Promise.resolve('not asked'),
    openNodeShell: () => Promise.reject(new Error('no shell of a node')),
    async openConsole(abort) {
      const terminal = await openTerminal(client, `/nodes/pve1/lxc/${vmid}`, abort);
      onOpen(terminal);
      return terminal;
    },
  };
}
