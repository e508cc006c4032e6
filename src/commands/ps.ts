import { Flags } from '@oclif/core';
import type { Interfaces } from '@oclif/core';

import { CONTAINER_SORT_KEYS, containerColumns } from '../cli/container-table.ts';
import { answered, answeredInTime } from '../cli/interruption.ts';
import { inventoryOf, needsNoRoot } from '../cli/inventory.ts';
import { sayError } from '../cli/messages.ts';
import { PROCESS_SORT_KEYS, processColumns } from '../cli/process-table.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { answerTimeout, answerTimeoutFlag, containerArg, contextFlag, nodeFlag } from '../cli/verb-flags.ts';
import { loadSettings } from '../config/settings.ts';
import { LxcriError } from '../model/errors.ts';
import { FILTER_KEYS, parseFilters } from '../oci/filter.ts';
import { listEverything } from '../oci/list.ts';
import { listProcesses } from '../oci/processes.ts';
import { sortBy } from '../oci/sort.ts';
import { renderTable, tableOptions } from '../terminal/table.ts';
import type { Column } from '../terminal/table.ts';

/** `ps`: lists the containers of this host, or the processes inside one. */
export default class Ps extends Verb {
  static override summary = 'List containers; with a container, the processes inside.';

  static override usage = ['ps [FLAGS]', 'ps [FLAGS] CONTAINER'];

  static override examples = [
    '<%= config.bin %> ps',
    {
      description: 'Those that run, the oldest first',
      command: '<%= config.bin %> ps --filter status=running --sort started',
    },
    {
      description: 'Run a command in each whose name begins with "web"',
      command: `for ct in $(<%= config.bin %> ps -q -f name=^web -f status=running); do <%= config.bin %> exec --no-stdin "$ct" -- uptime; done`,
    },
    { description: 'What takes the memory of a container', command: '<%= config.bin %> ps 101 --sort -memory' },
  ];

  static override args = { container: containerArg };

  static override flags = {
    all: Flags.boolean({ char: 'a', summary: 'stopped ones too, which is the default (as docker ps -a)' }),
    filter: Flags.string({
      char: 'f',
      helpValue: 'KEY=VALUE',
      multiple: true,
      multipleNonGreedy: true,
      summary: `only those that fit: ${FILTER_KEYS.join(', ')} (repeatable)`,
    }),
    sort: Flags.string({
      helpValue: '[-]KEY[,...]',
      summary: `sort by ${listed(CONTAINER_SORT_KEYS)}; processes by ${listed(PROCESS_SORT_KEYS)}; "-" sorts downwards`,
    }),
    quiet: Flags.boolean({ char: 'q', summary: 'print only what other commands take as CONTAINER, or only pids' }),
    'no-trunc': Flags.boolean({ summary: 'do not shorten columns to the width of the terminal' }),
    wide: Flags.boolean({ summary: "processes: the parent, the host's pid, state, terminal, threads and time too" }),
    numeric: Flags.boolean({ summary: 'processes: uids instead of user names; nothing is run in the container' }),
    timeout: answerTimeoutFlag,
    node: nodeFlag,
    context: contextFlag,
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Ps);
    return args.container === undefined ? this.#containers(flags) : this.#processes(args.container, flags);
  }

  async #containers(flags: PsFlags): Promise<Outcome> {
    refuse(flags, ['wide', 'numeric', 'node'], 'it is about processes: name the container');
    const filter = parseFilters(flags.filter ?? []);
    // A key that there is not is known before the containers are asked anything.
    sortBy([], flags.sort ?? 'id', CONTAINER_SORT_KEYS);
    const timeoutMs = answerTimeout(flags.timeout);
    const settings = await loadSettings(process.env);
    const inventory = inventoryOf(settings, { words: ['ps', ...this.argv], context: flags.context });
    const { containers: found, unreachable } = await answeredInTime(
      (abort, late) => listEverything(inventory, abort, late),
      timeoutMs,
    );
    const [failure] = unreachable;
    // Where there is nothing to show, that is the answer.
    if (failure !== undefined && found.length === 0) throw failure.error;
    const containers = sortBy(found.filter(filter), flags.sort ?? 'id', CONTAINER_SORT_KEYS);
    return {
      document: {
        containers,
        unreachable: unreachable.map(({ context, error }) => ({ context, error: error.toInfo() })),
      },
      error: failure?.error,
      text: () => {
        for (const { error } of unreachable.slice(1)) sayError(error.toInfo());
        return flags.quiet
          ? containers.map(({ reference }) => `${reference}\n`).join('')
          : table(containerColumns(containers, Date.now()), containers, flags);
      },
    };
  }

  async #processes(target: string, flags: PsFlags): Promise<Outcome> {
    refuse(flags, ['all', 'filter', 'context', 'timeout'], 'it is about the list of containers: leave it out');
    // A key that there is not is known before the container is asked anything.
    sortBy([], flags.sort ?? 'pid', PROCESS_SORT_KEYS);
    const { node, quiet, numeric } = flags;
    const settings = await loadSettings(process.env);
    // A guest of a cluster has no processes here, but is not to be said not to exist.
    const inventory = inventoryOf(settings, { words: ['ps', ...this.argv], mayBeAnybody: needsNoRoot(target) });
    const found = await answered((abort) => listProcesses(inventory, target, { node, numeric, abort }), undefined);
    const processes = sortBy(found.processes, flags.sort ?? 'pid', PROCESS_SORT_KEYS);
    return {
      document: { ...found, processes },
      text: () =>
        quiet ? processes.map(({ pid }) => `${pid}\n`).join('') : table(processColumns(flags.wide), processes, flags),
    };
  }
}

type PsFlags = Interfaces.InferredFlags<typeof Ps.flags>;

/** Refuses flags that have no meaning here, rather than to let them go unheeded. */
function refuse(flags: PsFlags, names: readonly (keyof PsFlags)[], why: string): void {
  const given = names.find((name) => flags[name] !== undefined && flags[name] !== false);
  if (given !== undefined) throw new LxcriError('UsageError', `--${given} cannot be used here`, why);
}

function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], flags: PsFlags): string {
  const options = tableOptions(process.stdout);
  return renderTable(columns, rows, flags['no-trunc'] ? { ...options, truncate: false } : options);
}

function listed(keys: object): string {
  return Object.keys(keys).join(', ');
}
