/** The consoles of one node: what `termproxy` starts, and which port each waits on. */
import { authId, type Caller } from '../access/accounts.ts';
import { died } from '../failure.ts';
import type { NodeState } from '../node-state.ts';
import type { ClusterState } from '../state.ts';
import { Console } from './console.ts';

const FIRST_PORT = 5900;
const LAST_PORT = 5999;

export interface ConsoleRequest {
  readonly caller: Caller;
  /** In the permission tree, with the privilege that opens it: for the ticket, and as the task's log has it. */
  readonly path: string;
  readonly privilege: string;
  readonly task: { readonly type: string; readonly id: string };
  /** What runs in the terminal. */
  readonly argv: () => Promise<readonly string[]>;
}

export class Consoles {
  readonly #byPort = new Map<number, Console>();

  /** What the method answers. The port is a string, whatever the schema says. */
  open(cluster: ClusterState, node: NodeState, request: ConsoleRequest): Record<string, string> {
    const { caller, path, privilege, task } = request;
    const port = this.#freePort();
    const user = authId(caller);
    const ticket = cluster.tickets.issueConsole(user, path, port);
    const isLetIn = cluster.settings.consoleTokens || caller.token === undefined;
    const greeting = isLetIn ? `${user}:${ticket}` : '';
    const opened = new Console({ settings: cluster.settings, greeting, argv: request.argv });
    this.#byPort.set(port, opened);
    const upid = node.tasks.start(caller, task.type, task.id, async (log, signal) => {
      const line = `/usr/bin/termproxy ${port} --path ${path} --perm ${privilege}`;
      log(`starting termproxy ${task.id === '' ? 'for node' : task.id}`);
      signal.addEventListener('abort', () => opened.end());
      const code = await opened.done;
      this.#byPort.delete(port);
      if (code !== 0) throw new Error(`command '${line}' failed: exit code ${code}`);
    });
    return { user, ticket, port: String(port), upid };
  }

  /** The console that waits for its client there. */
  waitingOn(port: number): Console | undefined {
    const found = this.#byPort.get(port);
    return found?.isWaiting === true ? found : undefined;
  }

  #freePort(): number {
    for (let port = FIRST_PORT; port <= LAST_PORT; port += 1) {
      if (!this.#byPort.has(port)) return port;
    }
    throw died(`unable to find free port (${FIRST_PORT}-${LAST_PORT})`);
  }
}
