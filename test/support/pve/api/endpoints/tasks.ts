/** What became of a task. */
import { type Call, type Endpoint, Listing } from '../endpoint.ts';
import { badParameters, denied } from '../failure.ts';
import { NODE, isTrue } from '../parameters.ts';
import { isUpid, owns, type Task } from '../tasks.ts';

const UPID = { ...NODE, upid: { required: true } } as const;

/** The task, if the caller may see it: its owner, and who has the privilege on the node. */
function taskOf({ cluster, node, caller, parameters }: Call, privilege: 'Sys.Audit' | 'Sys.Modify'): Task {
  const { upid = '' } = parameters;
  if (!isUpid(upid)) throw badParameters({ upid: 'unable to parse worker upid' });
  const task = node.tasks.find(upid);
  if (task === undefined) throw badParameters({ upid: 'no such task' });
  const where = `/nodes/${node.name}`;
  if (!owns(caller, task) && !cluster.accounts.may(caller, where, privilege)) throw denied(`${where}, ${privilege}`);
  return task;
}

const status: Endpoint = {
  method: 'GET',
  path: '/nodes/{node}/tasks/{upid}/status',
  access: 'all',
  protected: true,
  parameters: UPID,
  run(call) {
    const task = taskOf(call, 'Sys.Audit');
    const { exitStatus } = task;
    return {
      ...namesOf(task),
      ...(exitStatus === undefined ? { status: 'running' } : { status: 'stopped', exitstatus: exitStatus }),
    };
  },
};

const log: Endpoint = {
  method: 'GET',
  path: '/nodes/{node}/tasks/{upid}/log',
  access: 'all',
  protected: true,
  parameters: { ...UPID, start: { type: 'integer', minimum: 0 }, limit: { type: 'integer', minimum: 0 } },
  run(call) {
    const lines = taskOf(call, 'Sys.Audit').log;
    const start = Number(call.parameters['start'] ?? 0);
    const limit = Number(call.parameters['limit'] ?? 50);
    if (lines.length === 0) return new Listing([{ n: 1, t: 'no content' }], 1);
    const numbered = lines.map((t, index) => ({ n: index + 1, t }));
    return new Listing(numbered.slice(start, limit === 0 ? undefined : start + limit), lines.length);
  },
};

const stop: Endpoint = {
  method: 'DELETE',
  path: '/nodes/{node}/tasks/{upid}',
  access: 'all',
  protected: true,
  parameters: UPID,
  run(call) {
    call.node.tasks.stop(taskOf(call, 'Sys.Modify').upid);
  },
};

/**
 * Of the caller, or of everybody for who has the privilege (PVE/API2/Tasks.pm, node_tasks): those that run first, then
 * those that have ended, the last first. `statusfilter` is not there.
 */
const list: Endpoint = {
  method: 'GET',
  path: '/nodes/{node}/tasks',
  access: 'all',
  parameters: {
    ...NODE,
    source: { values: ['archive', 'active', 'all'] },
    vmid: { type: 'integer', minimum: 100, maximum: 999_999_999 },
    typefilter: {},
    userfilter: {},
    errors: { type: 'boolean' },
    start: { type: 'integer', minimum: 0 },
    limit: { type: 'integer', minimum: 0 },
    since: { type: 'integer' },
    until: { type: 'integer' },
  },
  run({ cluster, node, caller, parameters }) {
    const { source = 'archive', vmid, typefilter, userfilter = '' } = parameters;
    const [start, limit] = [Number(parameters['start'] ?? 0), Number(parameters['limit'] ?? 50)];
    const [since, until] = [Number(parameters['since'] ?? 0), Number(parameters['until'] ?? Number.MAX_SAFE_INTEGER)];
    const all = cluster.accounts.may(caller, `/nodes/${node.name}`, 'Sys.Audit');
    const wanted = (task: Task): boolean =>
      (all || owns(caller, task)) &&
      (vmid === undefined || task.id === vmid) &&
      (typefilter === undefined || task.type === typefilter) &&
      task.owner.user.toLowerCase().includes(userfilter.toLowerCase()) &&
      task.startTime >= since &&
      task.startTime <= until &&
      (!isTrue(parameters['errors']) || task.exitStatus !== 'OK');
    const newest = node.tasks.all().filter(wanted).toReversed();
    const running = newest.filter(({ endTime }) => endTime === undefined);
    const ended = newest.filter(({ endTime }) => endTime !== undefined);
    const found = [...(source === 'archive' ? [] : running), ...(source === 'active' ? [] : ended)];
    return new Listing(found.slice(start, start + limit).map(entryOf), found.length);
  },
};

/** One that runs has a status of its own, which the archive never has. */
function entryOf(task: Task): Record<string, unknown> {
  const { endTime, exitStatus } = task;
  return {
    ...namesOf(task),
    ...(endTime === undefined ? { status: 'RUNNING' } : { endtime: endTime, status: exitStatus }),
  };
}

function namesOf({ upid, node, pid, pstart, startTime, type, id, owner }: Task): Record<string, unknown> {
  return {
    upid,
    node,
    pid,
    pstart,
    starttime: startTime,
    type,
    id,
    user: owner.user,
    ...(owner.token === undefined ? {} : { tokenid: owner.token }),
  };
}

export const TASKS: readonly Endpoint[] = [list, status, log, stop];
