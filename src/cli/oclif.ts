import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { Config, Errors, Help } from '@oclif/core';
import type { Command } from '@oclif/core';

import AgentExport from '../commands/agent/export.ts';
import Completion from '../commands/completion.ts';
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
import { mendProcessStdout } from '../process/standard-streams.ts';
import { nearest } from '../values/nearest.ts';
import { say, sayError } from './messages.ts';
import { closedOutput, judge } from './print-document.ts';
import { ownError } from './verb.ts';

/** The verbs, for oclif's explicit command discovery. */
export const COMMANDS = {
  'agent:export': AgentExport,
  completion: Completion,
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
  mendProcessStdout();
  process.stdout.removeAllListeners('error').on('error', (error) => (failure ??= error));
  try {
    const code = await dispatch(words, await loadOclif());
    // A verb has judged its own output; this is for help and version.
    if (typeof code === 'number') return code;
    // The stream tells of a failure a little later, and what a thread writes is not written yet.
    await new Promise<unknown>((resolve) => process.stdout.write('', resolve));
    await setImmediate();
    return judge(failure ?? closedOutput(), 0);
  } catch (error) {
    if (error instanceof Errors.ExitError) return error.oclif.exit ?? 0;
    const own = ownError(error, '');
    sayError(own.toInfo());
    return own.exitCode;
  }
}

/**
 * oclif's view of this package, and of nothing else. Left to itself it loads plugins, which is code, and a theme from
 * folders that HOME and XDG_* name, and it looks the caller up in the user database, where not every uid stands.
 */
async function loadOclif(): Promise<Config> {
  // The package's root is above the script that was started, both in dist/ and in src/.
  const root = join(dirname(process.argv[1] ?? ''), '..');
  const config = new Config({ root, userPlugins: false, devPlugins: false });
  const { env } = process;
  process.env = { HOME: '/', SHELL: '/bin/sh', PROXMOX_LXCRI_DISABLE_THEME: '1' };
  try {
    await config.load();
  } finally {
    process.env = env;
  }
  return config;
}

/** As oclif's own `run`, and that of its commands, which would load the configuration once more, by themselves. */
async function dispatch(words: readonly string[], config: Config): Promise<unknown> {
  const [first = '', second = ''] = words;
  if (first === '--version') {
    process.stdout.write(`${config.userAgent}\n`);
    return undefined;
  }
  const own = words.slice(0, words.includes('--') ? words.indexOf('--') : undefined);
  if (words.length === 0 || own.some((word) => HELP_FLAGS.includes(word))) return help([...words], config);
  const long = VERBS.includes(`${first} ${second}`);
  if (!long && GROUPS.includes(first) && !VERBS.includes(first)) return help([first], config);
  const found = await config.findCommand(long ? `${first}:${second}` : first, { must: true }).load();
  // Ours have a constructor; oclif's type is that of the abstract class.
  const Found = found as unknown as new (argv: string[], config: Config) => Command;
  return new Found(words.slice(long ? 2 : 1), config).run();
}

const HELP_FLAGS = ['--help', '-h'];

function help(words: string[], config: Config): Promise<void> {
  return new Help(config).showHelp(words);
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
