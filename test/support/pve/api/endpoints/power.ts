/** Starting and stopping containers: each a task of the node. */
import { authId } from '../access/accounts.ts';
import { loadConfiguration } from '../configuration.ts';
import type { Call, Endpoint } from '../endpoint.ts';
import { badParameters, died } from '../failure.ts';
import { GUEST, isTrue, type ParameterTable } from '../parameters.ts';
import { restart, resume, shutDown, start, stopNow, suspend } from '../power.ts';
import { isRunningContainer } from '../running.ts';
import type { Work } from '../tasks.ts';
import { guestOf } from './guests.ts';

interface Action {
  readonly name: string;
  readonly task: string;
  /** Whether the container must run, and what is said if it does not. */
  readonly running: boolean;
  readonly complaint?: (vmid: number) => string;
  /** What the HA manager is told instead, where it has the say. */
  readonly ha?: 'start' | 'stop';
  readonly parameters?: ParameterTable;
  readonly work: (call: Call, vmid: number) => Work;
}

const SKIPLOCK: ParameterTable = { skiplock: { type: 'boolean' } };
const TIMEOUT: ParameterTable = { timeout: { type: 'integer', minimum: 0 } };
const DEFAULT_TIMEOUT_SECONDS = 60;

const timeoutOf = ({ parameters }: Call): number => Number(parameters['timeout'] ?? DEFAULT_TIMEOUT_SECONDS);

const ACTIONS: readonly Action[] = [
  {
    name: 'start',
    task: 'vzstart',
    running: false,
    ha: 'start',
    parameters: SKIPLOCK,
    work: ({ node }, vmid) => guarded(node, vmid, { template: true }, (log) => start(node.lxcpath, vmid, log)),
  },
  {
    name: 'stop',
    task: 'vzstop',
    running: true,
    ha: 'stop',
    parameters: SKIPLOCK,
    work: ({ node }, vmid) => guarded(node, vmid, {}, (log, signal) => stopNow(node.lxcpath, vmid, log, signal)),
  },
  {
    name: 'shutdown',
    task: 'vzshutdown',
    running: true,
    ha: 'stop',
    parameters: { ...TIMEOUT, forceStop: { type: 'boolean' } },
    work: (call, vmid) => {
      const how = { timeoutSeconds: timeoutOf(call), force: isTrue(call.parameters['forceStop']) };
      return guarded(call.node, vmid, {}, (log, signal) => shutDown(call.node.lxcpath, vmid, how, log, signal));
    },
  },
  {
    name: 'reboot',
    task: 'vzreboot',
    running: true,
    complaint: (vmid) => `VM ${vmid} not running`,
    parameters: TIMEOUT,
    work: (call, vmid) => (log, signal) => restart(call.node.lxcpath, vmid, timeoutOf(call), log, signal),
  },
  {
    name: 'suspend',
    task: 'vzsuspend',
    running: true,
    work: ({ node }, vmid) => guarded(node, vmid, {}, (log, signal) => suspend(node.lxcpath, vmid, log, signal)),
  },
  {
    name: 'resume',
    task: 'vzresume',
    running: false,
    work:
      ({ node }, vmid) =>
      (log, signal) =>
        resume(node.lxcpath, vmid, log, signal),
  },
];

/** Looks at lock and template when the work begins, not when it is asked for: then it is the task that fails. */
function guarded(node: Call['node'], vmid: number, refuse: { template?: true }, work: Work): Work {
  return async (log, signal) => {
    const { current } = loadConfiguration(node, 'lxc', vmid);
    if (refuse.template === true && current.get('template') === '1') {
      throw new Error("you can't start a CT if it's a template");
    }
    const lock = current.get('lock');
    if (lock !== undefined) throw new Error(`CT is locked (${lock})`);
    await work(log, signal);
  };
}

const endpointOf = (action: Action): Endpoint => ({
  method: 'POST',
  path: `/nodes/{node}/lxc/{vmid}/status/${action.name}`,
  access: { path: '/vms/{vmid}', privilege: 'VM.PowerMgmt' },
  protected: true,
  parameters: { ...GUEST, ...action.parameters },
  run(call) {
    const { node, caller, parameters } = call;
    const vmid = Number(parameters['vmid']);
    if (isTrue(parameters['skiplock']) && authId(caller) !== 'root@pam') {
      throw badParameters({ skiplock: 'Only root may use this option.' });
    }
    loadConfiguration(node, 'lxc', vmid);
    if (isRunningContainer(node.lxcpath, vmid) !== action.running) throw died(complaintOf(action, vmid));
    if (action.ha !== undefined && guestOf(call).ha) return requestOfManager(call, vmid, action.ha);
    return node.tasks.start(caller, action.task, String(vmid), action.work(call, vmid));
  },
});

function complaintOf({ running, complaint }: Action, vmid: number): string {
  return complaint?.(vmid) ?? (running ? `CT ${vmid} not running` : `CT ${vmid} already running`);
}

/** The task ends when the manager has been told; what it was told to do comes later. */
function requestOfManager(call: Call, vmid: number, what: 'start' | 'stop'): string {
  const { cluster, node, caller } = call;
  const guest = guestOf(call);
  return node.tasks.start(caller, `ha${what}`, String(vmid), async (log) => {
    log(`Requesting HA ${what} for CT ${vmid}`);
    guest.haState = what === 'start' ? 'started' : 'stopped';
    const act: Work = (line, signal) =>
      what === 'start' ? start(node.lxcpath, vmid, line) : stopNow(node.lxcpath, vmid, line, signal);
    const type = what === 'start' ? 'vzstart' : 'vzstop';
    cluster.later(cluster.settings.haMs, () => void node.tasks.start({ user: 'root@pam' }, type, String(vmid), act));
  });
}

export const POWER: readonly Endpoint[] = ACTIONS.map(endpointOf);
