/** Terminals over the API: `termproxy` makes one, `vncwebsocket` leads to it. */
import { join } from 'node:path';
import { authId } from '../access/accounts.ts';
import { loadConfiguration } from '../configuration.ts';
import { serveConsole } from '../console/websocket.ts';
import type { Call, Endpoint } from '../endpoint.ts';
import { ApiFailure } from '../failure.ts';
import { isOnline, type NodeState } from '../node-state.ts';
import { GUEST, NODE, type ParameterTable } from '../parameters.ts';
import { nodeNamed } from '../state.ts';
import type { Takeover } from '../wire.ts';

const SOCKET: ParameterTable = {
  port: { type: 'integer', required: true, minimum: 5900, maximum: 5999 },
  vncticket: { required: true, maxLength: 512 },
};
const GUEST_ACCESS = { path: '/vms/{vmid}', privilege: 'VM.Console' } as const;
const NODE_ACCESS = { path: '/nodes/{node}', privilege: 'Sys.Console' } as const;

const guestConsole: Endpoint = {
  method: 'POST',
  path: '/nodes/{node}/lxc/{vmid}/termproxy',
  access: GUEST_ACCESS,
  protected: true,
  // Answered where it is asked: that node goes on by ssh.
  local: true,
  parameters: GUEST,
  run(call) {
    const { cluster, node, caller, parameters } = call;
    const vmid = Number(parameters['vmid']);
    const owner = nodeNamed(cluster, parameters['node'] ?? '') ?? node;
    const mode = loadConfiguration(owner, 'lxc', vmid).current.get('cmode') ?? 'tty';
    return node.consoles.open(cluster, node, {
      caller,
      path: `/vms/${vmid}`,
      privilege: GUEST_ACCESS.privilege,
      task: { type: 'vncproxy', id: String(vmid) },
      argv: () => guestCommand(owner, vmid, mode),
    });
  },
};

/** By way of dtach: there is one terminal for each container, and it outlives its clients. */
async function guestCommand(owner: NodeState, vmid: number, mode: string): Promise<readonly string[]> {
  if (!isOnline(owner))
    return ['sh', '-c', 'echo "ssh: connect to host 127.0.0.1 port 22: No route to host"; exit 255'];
  const name = ['-n', String(vmid)];
  const commands: Record<string, readonly string[]> = {
    tty: ['lxc-console', ...name, '-e', '-1'],
    console: ['lxc-console', ...name, '-t', '0', '-e', '-1'],
    shell: ['lxc-attach', '--clear-env', ...name],
  };
  const terminal = ['dtach', '-A', dtachSocket(owner, vmid), '-r', 'winch', '-z'];
  return [...(await owner.world.prefix()), ...terminal, ...(commands[mode] ?? [])];
}

const machineConsole: Endpoint = {
  ...guestConsole,
  path: '/nodes/{node}/qemu/{vmid}/termproxy',
  run(call) {
    const { cluster, node, caller, parameters } = call;
    const vmid = Number(parameters['vmid']);
    const owner = nodeNamed(cluster, parameters['node'] ?? '') ?? node;
    const { current } = loadConfiguration(owner, 'qemu', vmid);
    return node.consoles.open(cluster, node, {
      caller,
      path: `/vms/${vmid}`,
      privilege: GUEST_ACCESS.privilege,
      task: { type: 'vncproxy', id: String(vmid) },
      argv: () => machineCommand(owner, vmid, current.get('serial0') === 'socket'),
    });
  },
};

/** `qm terminal`, without dtach; what a machine has on its serial port is a shell in the container that stands for it. */
async function machineCommand(owner: NodeState, vmid: number, hasPort: boolean): Promise<readonly string[]> {
  if (!hasPort) return ['sh', '-c', 'echo "unable to find a serial interface"; exit 255'];
  const words = 'echo "starting serial terminal on interface serial0"; exec lxc-attach --clear-env -n "$0"';
  return [...(await owner.world.prefix()), 'sh', '-c', words, String(vmid)];
}

/** Where the terminal of a container is kept. */
function dtachSocket({ lxcpath }: NodeState, vmid: number): string {
  return join(lxcpath, `vzctlconsole${vmid}`);
}

const nodeConsole: Endpoint = {
  method: 'POST',
  path: '/nodes/{node}/termproxy',
  access: NODE_ACCESS,
  protected: true,
  local: true,
  parameters: { ...NODE, cmd: { values: ['ceph_install', 'login', 'upgrade'] }, 'cmd-opts': {} },
  run({ cluster, node, caller, parameters }) {
    const target = nodeNamed(cluster, parameters['node'] ?? '') ?? node;
    const { cmd = 'login' } = parameters;
    const root = authId(caller) === 'root@pam';
    if (cmd !== 'login' && !root) throw new ApiFailure(403, 'Permission check failed (user != root@pam)\n');
    return node.consoles.open(cluster, node, {
      caller,
      path: `/nodes/${target.name}`,
      privilege: NODE_ACCESS.privilege,
      task: { type: 'vncshell', id: '' },
      // Only that user by a ticket is let in without a password.
      argv: async () => [...(await target.world.prefix()), '/bin/login', ...(root ? ['-f', 'root'] : [])],
    });
  },
};

const socketOf = (path: string, access: typeof GUEST_ACCESS | typeof NODE_ACCESS, base: ParameterTable): Endpoint => ({
  method: 'GET',
  path: `${path}/vncwebsocket`,
  access,
  local: true,
  parameters: { ...base, ...SOCKET },
  run(call) {
    const { cluster, caller, parameters } = call;
    const { port = '', vncticket = '' } = parameters;
    const where = access.path.replace('{vmid}', parameters['vmid'] ?? '').replace('{node}', parameters['node'] ?? '');
    if (!cluster.tickets.checkConsole(vncticket, authId(caller), where, Number(port))) {
      throw new ApiFailure(401, 'permission denied - invalid PVEVNC ticket\n');
    }
    return { port };
  },
  upgrade: connect,
});

function connect({ cluster, node, parameters }: Call, key: string, protocol: string | undefined): Takeover {
  const { settings } = cluster;
  const waiting = node.consoles.waitingOn(Number(parameters['port']));
  if (waiting === undefined) return (socket) => cluster.later(settings.unansweredMs, () => socket.destroy());
  return (socket, early) => serveConsole(waiting, settings, key, protocol, socket, early);
}

export const CONSOLES: readonly Endpoint[] = [
  guestConsole,
  machineConsole,
  nodeConsole,
  socketOf('/nodes/{node}/lxc/{vmid}', GUEST_ACCESS, GUEST),
  socketOf('/nodes/{node}/qemu/{vmid}', GUEST_ACCESS, GUEST),
  socketOf('/nodes/{node}', NODE_ACCESS, NODE),
];
