/** What became of a task. */
import { type Call, type Endpoint, Listing } from '../endpoint.ts';
import { badParameters, denied } from '../failure.ts';
import { NODE } from '../parameters.ts';
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
    const { upid, node, pid, pstart, startTime, type, id, owner, exitStatus } = taskOf(call, 'Sys.Audit');
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

export const TASKS: readonly Endpoint[] = [status, log, stop];
