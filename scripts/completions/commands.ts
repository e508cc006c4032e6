/** The commands as the completion scripts know them, from oclif's manifest: it holds the flags of `exec` and `hook` too. */
import { CONTAINER_SORT_KEYS } from '../../src/cli/container-table.ts';
import { PROCESS_SORT_KEYS } from '../../src/cli/process-table.ts';
import { AGENT_ARCHITECTURES, AGENT_PARTS } from '../../src/guest-agent/parts.ts';
import { AVAILABLE_METHODS } from '../../src/methods/registry.ts';
import { API_ROUTES } from '../../src/model/remote.ts';
import { STATUSES } from '../../src/model/status.ts';
import { FILTER_KEYS } from '../../src/oci/filter.ts';
import { PHASES } from '../../src/oci/hooks/phases.ts';
import { constants } from 'node:os';

/**
 * What stands at a place: `live KIND` is asked of the program, `one WORD...` is one of these words, `list WORD...` some of
 * them with commas between, `files` files of this host, `variables` variables of the caller, `none` nothing that is known.
 */
export type Kind = `live ${string}` | `one ${string}` | `list ${string}` | 'files' | 'variables' | 'none';

export interface CommandFlag {
  /** As they are typed: `--workdir`, `--cwd`, `-w`. The first one is offered. */
  readonly names: readonly string[];
  readonly summary: string;
  /** Present for flags that take a value. */
  readonly kind?: Kind;
}

export interface Command {
  /** As it is typed: `exec`, or `context use`. */
  readonly verb: string;
  readonly summary: string;
  readonly flags: readonly CommandFlag[];
  readonly operands: readonly Kind[];
  /** Whether the words after the operands, or after `--`, are a command of a container, in which nothing is ours. */
  readonly endsInCommand: boolean;
}

/** What is used of oclif.manifest.json. */
export interface Manifest {
  readonly commands: Record<string, ManifestCommand>;
}

interface ManifestCommand {
  readonly summary?: string;
  readonly hidden?: boolean;
  readonly strict: boolean;
  readonly args: Record<string, { readonly options?: readonly string[] }>;
  readonly flags: Record<string, ManifestFlag>;
}

interface ManifestFlag {
  readonly name: string;
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly aliases?: readonly string[];
  readonly hidden?: boolean;
  readonly allowNo?: boolean;
  readonly summary?: string;
  readonly description?: string;
}

/** Names without SIG, as kill(1) lists them; the names that are another one's are left out. */
const SIGNALS = Object.keys(constants.signals)
  .map((name) => name.slice(3))
  .filter((name) => !['IOT', 'POLL', 'UNUSED', 'CLD'].includes(name));

/** Where a key has few values, each of them; else the key alone. */
const FILTERS = FILTER_KEYS.flatMap((key) => {
  const values: Partial<Record<typeof key, readonly string[]>> = {
    status: STATUSES,
    platform: ['proxmox', 'lxc', 'docker', 'kubernetes'],
    type: ['lxc', 'qemu', 'docker', 'pod'],
  };
  return (values[key] ?? ['']).map((value) => `${key}=${value}`);
});

/** The values of flags by name; of those that mean something else in one verb, by verb and name. */
const FLAG_KINDS: Record<string, Kind> = {
  env: 'variables',
  'env-file': 'files',
  workdir: 'none',
  user: 'live users',
  timeout: 'none',
  'kill-after': 'none',
  'wait-for-agent': 'none',
  method: `list ${AVAILABLE_METHODS.join(' ')}`,
  namespace: 'none',
  task: 'none',
  container: 'none',
  context: 'live contexts',
  node: 'live nodes',
  lock: 'live locks',
  'if-locked': 'one wait skip fail',
  'lock-timeout': 'none',
  'max-output': 'none',
  on: `list ${[...new Set(PHASES.filter(({ inside }) => !inside).map(({ name }) => name))].join(' ')}`,
  'container-annotation': 'none',
  signal: `one ${SIGNALS.join(' ')}`,
  host: 'none',
  token: 'none',
  'ca-file': 'files',
  fingerprint: 'none',
  route: `list ${API_ROUTES.join(' ')} none`,
  filter: `one ${FILTERS.join(' ')}`,
  sort: `list ${[...new Set([...Object.keys(CONTAINER_SORT_KEYS), ...Object.keys(PROCESS_SORT_KEYS)])].join(' ')}`,
  arch: `one ${AGENT_ARCHITECTURES.join(' ')}`,
  only: `list ${AGENT_PARTS.join(' ')}`,
  'login user': 'none',
};

/** The operands by name; as those of flags. */
const OPERAND_KINDS: Record<string, Kind> = {
  container: 'live containers',
  signal: `one ${SIGNALS.join(' ')}`,
  name: 'live contexts',
  id: 'live executions',
  directory: 'files',
  // Processes are listed, and methods tried, on this host only.
  'enter container': 'live containers-of-nodes',
  'ps container': 'live host-containers',
  'doctor container': 'live host-containers',
  'kill container': 'live targets',
};

/** Those that oclif does not know the operands of, because it does not parse their words. */
const OPERANDS_BEFORE_COMMAND: Record<string, readonly Kind[]> = {
  exec: ['live containers-of-nodes'],
  hook: ['none', 'none'],
};

const HELP: CommandFlag = { names: ['--help', '-h'], summary: 'show this help' };

/**
 * The commands, in the order of the manifest.
 *
 * @throws Error for a value of which is not said what it is.
 */
export function commandsOf({ commands }: Manifest): Command[] {
  return Object.entries(commands)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([id, { summary = '', strict, args, flags }]) => {
      const verb = id.replaceAll(':', ' ');
      const own = Object.values(flags)
        .filter(({ hidden }) => hidden !== true)
        .flatMap((flag) => flagsOf(verb, flag));
      return {
        verb,
        summary,
        flags: own.some(({ names }) => names.includes('--help')) ? own : [...own, HELP],
        operands: strict
          ? Object.entries(args).map(([name, { options }]) =>
              options === undefined ? kindOf(OPERAND_KINDS, verb, name) : (`one ${options.join(' ')}` as const),
            )
          : (OPERANDS_BEFORE_COMMAND[verb] ?? []),
        endsInCommand: !strict,
      };
    });
}

function flagsOf(verb: string, { name, type, char, aliases = [], allowNo, summary, description }: ManifestFlag) {
  const said = summary ?? description ?? '';
  const flag: CommandFlag = {
    names: [`--${name}`, ...aliases.map((alias) => `--${alias}`), ...(char === undefined ? [] : [`-${char}`])],
    summary: said,
    ...(type === 'option' ? { kind: kindOf(FLAG_KINDS, verb, name) } : {}),
  };
  return allowNo === true ? [flag, { names: [`--no-${name}`], summary: `not: ${said}` }] : [flag];
}

function kindOf(kinds: Record<string, Kind>, verb: string, name: string): Kind {
  const kind = kinds[`${verb} ${name}`] ?? kinds[name];
  if (kind === undefined) throw new Error(`scripts/completions: what completes ${name} of ${verb}?`);
  return kind;
}
