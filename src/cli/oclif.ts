import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { Errors, run } from '@oclif/core';

import ConfigShow from '../commands/config/show.ts';
import Context from '../commands/context.ts';
import ContextList from '../commands/context/list.ts';
import ContextRemove from '../commands/context/remove.ts';
import ContextShow from '../commands/context/show.ts';
import ContextUse from '../commands/context/use.ts';
import Doctor from '../commands/doctor.ts';
import Enter from '../commands/enter.ts';
import Exec from '../commands/exec.ts';
import Hook from '../commands/hook.ts';
import Kill from '../commands/kill.ts';
import Login from '../commands/login.ts';
import Logout from '../commands/logout.ts';
import Ps from '../commands/ps.ts';
import Result from '../commands/result.ts';
import Start from '../commands/start.ts';
import State from '../commands/state.ts';
import Stop from '../commands/stop.ts';
import { EXIT } from '../model/exit-codes.ts';
import { nearest } from '../values/nearest.ts';
import { say } from './messages.ts';
import { closedOutput, judge } from './print-document.ts';

/** The verbs, for oclif's explicit command discovery. */
export const COMMANDS = {
  'config:show': ConfigShow,
  context: Context,
  'context:list': ContextList,
  'context:remove': ContextRemove,
  'context:show': ContextShow,
  'context:use': ContextUse,
  doctor: Doctor,
  enter: Enter,
  exec: Exec,
  hook: Hook,
  kill: Kill,
  login: Login,
  logout: Logout,
  ps: Ps,
  result: Result,
  start: Start,
  state: State,
  stop: Stop,
};

/**
 * Runs oclif: help, version, and every verb but those that end in a command.
 *
 * @param argv the words after the program's name.
 * @returns the exit code; a usage error is 125, because 2 is a command's own.
 */
export async function runOclif(argv: readonly string[]): Promise<number> {
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv];
  const unknown = unknownVerb(words);
  if (unknown !== undefined) {
    const meant = nearest(unknown, [...VERBS, ...GROUPS]);
    say(
      `UsageError: there is no command ${JSON.stringify(unknown)}; ${meant === undefined ? 'see: proxmox-lxcri --help' : `did you mean ${meant}?`}`,
    );
    return EXIT.notStarted;
  }
  // oclif's own listener would end us with a stack trace where the disk is full.
  let failure: Error | undefined;
  process.stdout.removeAllListeners('error').on('error', (error) => (failure ??= error));
  try {
    // The package's root is above the script that was started, both in dist/ and in src/.
    const code: unknown = await run(words, { root: join(dirname(process.argv[1] ?? ''), '..') });
    // A verb has judged its own output; this is for help and version.
    if (typeof code === 'number') return code;
    // The stream tells of a failure a little later.
    await setImmediate();
    return judge(failure ?? closedOutput(), 0);
  } catch (error) {
    if (error instanceof Errors.ExitError) return error.oclif.exit ?? 0;
    say(
      `UsageError: ${(error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''}; see: proxmox-lxcri --help`,
    );
    return EXIT.notStarted;
  }
}

/** The verbs as they are typed. */
const VERBS = Object.keys(COMMANDS).map((id) => id.replaceAll(':', ' '));

/** The first words of verbs that have two. */
const GROUPS = VERBS.filter((verb) => verb.includes(' ')).map((verb) => verb.split(' ', 1)[0] ?? '');

/** The words that stand where a verb does, and are none; a group of verbs alone shows its help. */
function unknownVerb([first, second]: readonly string[]): string | undefined {
  if (first === undefined || first.startsWith('-')) return undefined;
  if (!GROUPS.includes(first)) return VERBS.includes(first) ? undefined : first;
  if (second === undefined || second.startsWith('-') || VERBS.includes(`${first} ${second}`)) return undefined;
  return `${first} ${second}`;
}
