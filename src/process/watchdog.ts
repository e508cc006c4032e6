import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

import { helperEnvironment } from './executable.ts';
import { TAG_VARIABLE } from './tree.ts';

/**
 * What the watchdog does when we die without a word (SIGKILL, out of memory): it gives the terminal back and ends the
 * command's processes. It holds only shell builtins and `grep`, because it must work without Node, and it looks for the
 * same marks as ProcessTree: the session (4th field after the command name in /proc/PID/stat) and the environment tag.
 *
 * $1 helper's pid ("" when it shares our session), $2 tag, $3 terminal device, $4 its saved settings, $5 how often to look
 * at least
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
read -r word && exit 0
if [ -n "$3" ]; then stty "$4" <"$3" 2>/dev/null; fi
tries=0 least=$5
while [ "$tries" -lt 100 ]; do
  found=
  for file in $(grep -lszF "$2" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${file#/proc/}; pid=\${pid%/environ}
    if [ "$pid" != "$$" ]; then kill -KILL "$pid" 2>/dev/null && found=1; fi
  done
  if [ -n "$1" ]; then
    for file in /proc/[0-9]*/stat; do
      read -r line <"$file" || continue
      pid=\${line%% *}
      set -- "$1" "$2" "$3" "$4" \${line##*) }
      if [ "$8" = "$1" ] && [ "$5" != Z ]; then kill -KILL "$pid" 2>/dev/null && found=1; fi
    done 2>/dev/null
  fi
  [ -n "$found" ] || [ "$tries" -lt "$least" ] || exit 0
  tries=$((tries + 1))
  sleep 0.05
done
`;

/** A terminal to be given back in the state it had. */
export interface SavedTerminal {
  readonly device: string;
  /** As `stty -g` prints them. */
  readonly settings: string;
}

/** Outlives this process, and ends the command's tree if this process dies without having called {@link Watchdog.dismiss}. */
export interface Watchdog {
  /**
   * Call it once the command has ended: the watchdog leaves without doing anything. Resolves when it lets go of what it
   * was given to hold.
   */
  dismiss(): Promise<void>;
}

/**
 * Starts the watchdog of an execution.
 *
 * @param execId the execution's id.
 * @param sessionLeader the attaching program's pid if it leads a session of its own.
 * @param terminal a terminal that the attaching program changes.
 * @param guard a descriptor that the watchdog holds as well: a lock must outlive us as long as our command does.
 * @param looks how often to look for them at least, where another program starts them in its own time; 50 ms apart.
 */
export function startWatchdog(
  execId: string,
  sessionLeader: number | undefined,
  terminal?: SavedTerminal,
  guard?: number,
  looks = 0,
): Watchdog {
  const child = spawn(
    '/bin/sh',
    [
      '-c',
      SCRIPT,
      'proxmox-lxcri-watchdog',
      String(sessionLeader ?? ''),
      `${TAG_VARIABLE}=${execId}`,
      terminal?.device ?? '',
      terminal?.settings ?? '',
      String(looks),
    ],
    // Its own session, so that what ends us (a closed terminal, Ctrl-C) does not end it; its standard input closes when we die.
    {
      cwd: '/',
      detached: true,
      env: helperEnvironment(),
      stdio: ['pipe', 'ignore', 'ignore', ...(guard === undefined ? [] : [guard])],
    },
  );
  // Without a watchdog everything still works but our own sudden death.
  const gone = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', () => resolve());
  });
  child.unref();
  // Absent when too many files are open for it.
  const stdin = child.stdin as Socket | undefined;
  stdin?.on('error', () => {});
  stdin?.unref();
  return {
    dismiss() {
      stdin?.end('done\n');
      if (guard === undefined) return Promise.resolve();
      child.ref();
      return gone;
    },
  };
}
