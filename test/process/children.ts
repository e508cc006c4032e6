/** Processes of this host that a test starts, and that do not outlive it. */
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';

import { killIfThere } from '../support/proc.ts';

export interface Children {
  /** Starts a program in a session of its own. */
  start(file: string, args: readonly string[], options?: SpawnOptions): ChildProcess & { readonly pid: number };
  /** Ends all of them, with all that is in their sessions. */
  endAll(): void;
}

export function newChildren(): Children {
  const started: ChildProcess[] = [];
  return {
    start(file, args, options = {}) {
      const child = spawn(file, args, { detached: true, stdio: 'ignore', ...options });
      const { pid } = child;
      if (pid === undefined) throw new Error(`cannot start ${file}`);
      started.push(child);
      return Object.assign(child, { pid });
    },
    endAll() {
      for (const { pid } of started.splice(0)) {
        if (pid !== undefined) killIfThere(-pid);
      }
    },
  };
}
