import { setTimeout as sleep } from 'node:timers/promises';

import type { ApiAccess } from '../../model/remote.ts';
import { NotStartedError } from '../method.ts';

/** A console that was closed is a task for a moment more. */
const GONE_MS = 5000;
const LOOK_AGAIN_MS = 400;

/** Of the ways to look at a container's console: termproxy and vncproxy; and SPICE (PVE/API2/LXC.pm, PVE/API2Tools.pm). */
const VIEWER_TASKS: ReadonlySet<string | undefined> = new Set(['vncproxy', 'spiceproxy']);

interface TaskEntry {
  readonly type?: string;
  readonly id?: string;
  readonly endtime?: number;
}

/** Somebody has come at the same time as we: where that was another run of this program, both see each other, and go. */
export class MetAnotherError extends NotStartedError {}

/** Knows who looks at the console of a container: every viewer is a task, on the node that the viewer has asked. */
export class Viewers {
  readonly #api: ApiAccess;
  readonly #nodes: readonly string[];

  private constructor(api: ApiAccess, nodes: readonly string[]) {
    this.#api = api;
    this.#nodes = nodes;
  }

  /** @throws NotStartedError when the viewers of another user could not be seen from here. */
  static async of(api: ApiAccess, abort: AbortSignal): Promise<Viewers> {
    const entries = await api.call<{ node: string; status?: string }[]>('GET', '/nodes', undefined, abort);
    const nodes = entries
      .filter(({ node, status }) => status === 'online' || node === api.node)
      .map(({ node }) => node);
    await Promise.all(
      nodes.map(async (node) => {
        const path = `/nodes/${node}`;
        const granted = await api.call<Record<string, Record<string, number>>>(
          'GET',
          '/access/permissions',
          { path },
          abort,
        );
        if (granted[path]?.['Sys.Audit'] === undefined)
          throw new NotStartedError(
            `without the privilege Sys.Audit on ${path} it cannot be seen whether somebody is looking at the console`,
          );
      }),
    );
    return new Viewers(api, nodes);
  }

  /**
   * Makes sure that nobody else looks.
   *
   * @param ours how many of the viewers we are.
   * @throws NotStartedError, MetAnotherError when somebody has come after nobody was there.
   */
  async refuseOthers(ours: 0 | 1, abort: AbortSignal): Promise<void> {
    for (const end = Date.now() + GONE_MS; ; ) {
      // oxlint-disable-next-line no-await-in-loop -- asked again only after the answer
      const count = await this.#count(abort);
      if (count <= ours) return;
      if (Date.now() > end)
        throw new (ours === 0 ? NotStartedError : MetAnotherError)(
          'somebody is looking at the console, perhaps another run of this program; it is one terminal for all: nothing was typed into it',
        );
      // oxlint-disable-next-line no-await-in-loop -- between two questions
      await sleep(LOOK_AGAIN_MS, undefined, { signal: abort }).catch(() => {
        throw new NotStartedError('canceled');
      });
    }
  }

  async #count(abort: AbortSignal): Promise<number> {
    const { vmid } = this.#api;
    const lists = await Promise.all(
      this.#nodes.map((node) =>
        this.#api.call<TaskEntry[]>('GET', `/nodes/${node}/tasks`, { source: 'active', vmid, limit: 500 }, abort),
      ),
    );
    // One that runs has no end, and the status RUNNING (PVE/API2/Tasks.pm).
    const isViewer = ({ type, id, endtime }: TaskEntry): boolean =>
      VIEWER_TASKS.has(type) && id === vmid && endtime === undefined;
    return lists.flat().filter(isViewer).length;
  }
}
