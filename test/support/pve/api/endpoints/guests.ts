/** The guests of one node: what there is, and how it is. Starting and stopping are elsewhere. */
import { configurationDocument, loadConfiguration, type GuestType } from '../configuration.ts';
import type { Call, Endpoint } from '../endpoint.ts';
import { died } from '../failure.ts';
import { allStatuses, containerStatus, haStatus, machineStatus } from '../guest-status.ts';
import { GUEST, isTrue, NODE } from '../parameters.ts';
import type { Guest } from '../state.ts';

const AUDIT = { path: '/vms/{vmid}', privilege: 'VM.Audit' } as const;

const CHILDREN =
  'config pending status vncproxy termproxy vncwebsocket spiceproxy migrate clone rrd rrddata firewall snapshot resize interfaces';

/** The guest that a call is about; its configuration has been looked for before. */
export function guestOf({ cluster, parameters }: Call): Guest {
  const guest = cluster.guests.get(Number(parameters['vmid']));
  if (guest === undefined) throw died(`no guest ${parameters['vmid']}`);
  return guest;
}

function list(type: GuestType): Endpoint {
  return {
    method: 'GET',
    path: `/nodes/{node}/${type}`,
    access: 'all',
    protected: true,
    parameters: { ...NODE, ...(type === 'qemu' ? { full: { type: 'boolean' } } : {}) },
    run: ({ cluster, node, caller }) =>
      allStatuses(cluster, node, type).filter((each) =>
        cluster.accounts.may(caller, `/vms/${String(each['vmid'])}`, 'VM.Audit'),
      ),
  };
}

const current = (type: GuestType): Endpoint => ({
  method: 'GET',
  path: `/nodes/{node}/${type}/{vmid}/status/current`,
  access: AUDIT,
  protected: true,
  parameters: GUEST,
  run(call) {
    const vmid = Number(call.parameters['vmid']);
    loadConfiguration(call.node, type, vmid);
    const guest = guestOf(call);
    const status = type === 'lxc' ? containerStatus(call.node, vmid) : machineStatus(call.node, guest);
    const running = { qmpstatus: guest.agent?.paused === true ? 'paused' : status['status'], agent: 1 };
    return { ...status, ha: haStatus(guest), ...(type === 'lxc' ? {} : running) };
  },
});

const configuration = (type: GuestType): Endpoint => ({
  method: 'GET',
  path: `/nodes/{node}/${type}/{vmid}/config`,
  access: AUDIT,
  parameters: { ...GUEST, current: { type: 'boolean' } },
  run: ({ node, parameters }) =>
    configurationDocument(loadConfiguration(node, type, Number(parameters['vmid'])), isTrue(parameters['current'])),
});

const children: Endpoint = {
  method: 'GET',
  path: '/nodes/{node}/lxc/{vmid}',
  access: 'all',
  parameters: GUEST,
  run({ node, parameters }) {
    loadConfiguration(node, 'lxc', Number(parameters['vmid']));
    return CHILDREN.split(' ').map((subdir) => ({ subdir }));
  },
};

export const GUESTS: readonly Endpoint[] = [
  list('lxc'),
  list('qemu'),
  current('lxc'),
  current('qemu'),
  configuration('lxc'),
  configuration('qemu'),
  children,
];
