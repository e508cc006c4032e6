import { isatty } from 'node:tty';

import type { Settings } from '../config/keys.ts';
import { AVAILABLE_METHODS } from '../methods/registry.ts';
import { LxcriError } from '../model/errors.ts';
import type { TerminalSpec, Word } from '../model/request.ts';
import { isTerminalType } from '../model/rules.ts';
import type { ExecOptions } from '../oci/execution.ts';
import type { Output } from '../oci/stdio.ts';
import { isInteractive } from '../terminal/interactive.ts';
import { standardOutput } from '../process/standard-streams.ts';
import { methodNames } from '../values/methods.ts';
import type { LockWords } from './exec-lock.ts';
import type { ExecFlagName } from './flags.ts';
import { isMicrovm } from './inventory.ts';
import { ownInput } from './own-streams.ts';
import { USAGE } from './parse-exec.ts';
import type { ExecWords } from './parse-exec.ts';
import { parseDuration, parseTimeout } from './values/duration.ts';
import { parseEnvironment } from './values/environment.ts';
import { flagValue } from './values/flag-value.ts';
import { parseSize } from './values/size.ts';
import { parseUser } from './values/user.ts';

/** What is to be run, understood from the words. */
export interface ExecCall {
  readonly container: string;
  readonly command: readonly Word[];
  readonly options: ExecOptions;
  readonly settings: Settings;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly onlyOnFailure: boolean;
  readonly lock: LockWords | undefined;
}

/** The words that a call is understood from; the flags may be those of another verb that has the same ones. */
export interface CallWords extends Pick<ExecWords, 'container' | 'command'> {
  readonly flags: Pick<ExecWords['flags'], 'get' | 'has'>;
}

/** Turns the words into a request, or says what is wrong with them. What they do not say, the settings do. */
export function understand({ container, command, flags }: CallWords, settings: Settings): ExecCall {
  const last = (name: ExecFlagName): string | undefined => flags.get(name)?.at(-1);
  const json = flags.has('json');
  const quiet = flags.has('quiet');
  const onlyOnFailure = flags.has('only-on-failure');
  const ownOutput = json || quiet || onlyOnFailure;
  if (container === undefined && !flags.has('task'))
    throw new LxcriError('MissingContainerId', 'no container was named', USAGE);
  const workdir = last('workdir');
  if (workdir !== undefined && !workdir.startsWith('/')) {
    throw new LxcriError(
      'UsageError',
      `--workdir: ${JSON.stringify(workdir)} is not an absolute path`,
      'begin it with "/"',
    );
  }
  if (onlyOnFailure && (json || flags.has('tty'))) {
    throw new LxcriError(
      'UsageError',
      `--only-on-failure and ${json ? '--json' : '--tty'} exclude each other`,
      json ? 'a result holds the output anyway: leave one of them out' : 'use it where nobody watches, without -t',
    );
  }
  const timeout = last('timeout');
  const killAfter = last('kill-after');
  const maxOutput = last('max-output');
  const waitForAgent = last('wait-for-agent');
  if (waitForAgent !== undefined && !isMicrovm(container)) {
    throw new LxcriError(
      'UsageError',
      '--wait-for-agent is for microVMs, and none was named',
      'name one as vsock:/PATH/TO/SOCKET or vsock:CID; for others: proxmox-lxcri start --wait',
    );
  }
  const user = last('user');
  const methods = last('method');
  const terminal = flags.has('no-tty') ? undefined : wantedTerminal(command, flags.has('tty'), ownOutput);
  const output = (fd: 1 | 2): Output =>
    quiet ? 'ignore' : json ? 'capture' : { fd, stream: () => standardOutput(fd) };
  const call: ExecCall = {
    container: container ?? '',
    command,
    settings,
    json,
    quiet,
    verbose: flags.has('verbose'),
    onlyOnFailure,
    lock:
      flags.has('lock') || flags.has('if-locked') || flags.has('lock-timeout')
        ? { name: last('lock'), ifLocked: last('if-locked'), timeout: last('lock-timeout') }
        : undefined,
    options: {
      workdir,
      terminal,
      env: parseEnvironment(flags.get('env') ?? [], flags.get('env-file') ?? [], process.env),
      user: user === undefined ? undefined : parseUser(user),
      privileged: flags.has('privileged'),
      stdin: flags.has('no-stdin') ? 'none' : ownInput(terminal !== undefined),
      stdout: output(1),
      stderr: output(2),
      maxOutputBytes: maxOutput === undefined ? settings['exec.maxOutput'] : parseSize(maxOutput, '--max-output'),
      timeoutMs: timeout === undefined ? settings['exec.timeout'] : parseTimeout(timeout, '--timeout'),
      killAfterMs: killAfter === undefined ? settings['exec.killAfter'] : parseDuration(killAfter, '--kill-after'),
      waitForAgentMs: waitForAgent === undefined ? undefined : parseDuration(waitForAgent, '--wait-for-agent'),
      methods:
        methods === undefined
          ? undefined
          : flagValue('--method', () => methodNames(methods.split(','), AVAILABLE_METHODS)),
      preferredMethods: settings.methods,
      node: last('node'),
    },
  };
  // Last: a value that is missing before the container is better told than a command that is.
  if (command.length === 0 && !flags.has('tty')) {
    const where = (['context', 'node', 'namespace', 'task', 'container'] as const).flatMap((name) =>
      (flags.get(name) ?? []).slice(-1).map((value) => `--${name} ${value}`),
    );
    throw new LxcriError(
      'MissingCommand',
      'no command was given',
      `for a shell: proxmox-lxcri ${['exec', '-it', ...where, ...(container === undefined ? [] : [container])].join(' ')}; else: ${USAGE}`,
    );
  }
  return call;
}

/** The terminal the command gets: always with `--tty`, by default at a terminal if the command is of no use without. */
function wantedTerminal(command: readonly Word[], always: boolean, outputIsOurs: boolean): TerminalSpec | undefined {
  const atTerminal = isatty(0) && isatty(1);
  const words = command.map((word) => (typeof word === 'string' ? word : ''));
  if (!always && (!atTerminal || outputIsOurs || !isInteractive(words))) return undefined;
  const type = process.env['TERM'] ?? '';
  const [columns, rows] = isatty(1) ? process.stdout.getWindowSize() : [80, 24];
  return { columns, rows, type: isTerminalType(type) && type !== 'dumb' ? type : 'xterm' };
}
