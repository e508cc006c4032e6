/** The guest agents of virtual machines (PVE/API2/Qemu/Agent.pm of qemu-server). */
import { loadConfiguration } from '../configuration.ts';
import type { Call, Endpoint } from '../endpoint.ts';
import { died } from '../failure.ts';
import type { MachineAgent } from '../machine-agent.ts';
import { GUEST, type ParameterTable } from '../parameters.ts';
import { guestOf } from './guests.ts';

const MAX_INPUT_CHARACTERS = 65_536;

/** What stands in the way of every command, in this order. */
function availableAgent(call: Call): MachineAgent {
  const vmid = Number(call.parameters['vmid']);
  const { current } = loadConfiguration(call.node, 'qemu', vmid);
  const guest = guestOf(call);
  if (!current.has('agent')) throw died('No QEMU guest agent configured');
  if (!guest.machineRuns) throw died(`VM ${vmid} is not running`);
  if (guest.agent === undefined || guest.agent.state === 'stopped' || guest.agent.paused)
    throw died('QEMU guest agent is not running');
  return guest.agent;
}

const endpoint = (
  method: 'GET' | 'POST',
  name: string,
  privilege: 'audit' | 'exec',
  parameters: ParameterTable,
  run: (agent: MachineAgent, call: Call) => unknown,
): Endpoint => ({
  method,
  path: `/nodes/{node}/qemu/{vmid}/agent/${name}`,
  access: ({ agentPrivilege }) => ({
    path: '/vms/{vmid}',
    privilege: privilege === 'audit' && agentPrivilege !== 'VM.Monitor' ? 'VM.GuestAgent.Audit' : agentPrivilege,
  }),
  protected: true,
  parameters: { ...GUEST, ...parameters },
  run: (call) => run(availableAgent(call), call),
});

export const AGENT: readonly Endpoint[] = [
  endpoint('POST', 'ping', 'audit', {}, () => ({ result: {} })),
  endpoint('GET', 'get-osinfo', 'audit', {}, ({ os }) => ({
    result: os === 'mswindows' ? { id: 'mswindows', name: 'Microsoft Windows' } : { id: 'debian', name: 'Debian' },
  })),
  endpoint(
    'POST',
    'exec',
    'exec',
    { command: { required: true }, 'input-data': { maxLength: MAX_INPUT_CHARACTERS } },
    (agent, { parameters }) => {
      const input = parameters['input-data'];
      // encode_base64 takes bytes only.
      if (input !== undefined && /[^\0-\xff]/.test(input)) throw died('Wide character in subroutine entry');
      return agent.exec(
        Number(parameters['vmid']),
        (parameters['command'] ?? '').split('\0'),
        input === undefined || input === '' ? undefined : Buffer.from(input, 'latin1'),
      );
    },
  ),
  endpoint('GET', 'exec-status', 'exec', { pid: { type: 'integer', required: true } }, (agent, { parameters }) =>
    agent.status(Number(parameters['pid'])),
  ),
];
