import { Flags } from '@oclif/core';

import { CONTAINER_SORT_KEYS, containerColumns } from '../cli/container-table.ts';
import { requireRoot } from '../cli/privileges.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { FILTER_KEYS, parseFilters } from '../oci/filter.ts';
import { listContainers } from '../oci/list.ts';
import { hostInventory } from '../oci/locate.ts';
import { sortBy } from '../oci/sort.ts';
import { renderTable, tableOptions } from '../terminal/table.ts';

/** `ps`: lists the containers of this host. */
export default class Ps extends Verb {
  static override summary = 'List containers.';

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
  ];

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
      summary: 'sort by id, name, platform, node, status, pid or started; "-" sorts downwards',
      default: 'id',
    }),
    quiet: Flags.boolean({ char: 'q', summary: 'print only what other commands take as CONTAINER' }),
    'no-trunc': Flags.boolean({ summary: 'do not shorten columns to the width of the terminal' }),
  };

  protected override async perform(): Promise<Outcome> {
    const { flags } = await this.parse(Ps);
    const filter = parseFilters(flags.filter ?? []);
    requireRoot(['ps', ...this.argv]);
    const found = await listContainers(hostInventory(process.env));
    const containers = sortBy(found.filter(filter), flags.sort, CONTAINER_SORT_KEYS);
    return {
      document: { containers },
      text: () => {
        if (flags.quiet) return containers.map(({ reference }) => `${reference}\n`).join('');
        const options = { ...tableOptions(process.stdout), ...(flags['no-trunc'] ? { truncate: false } : {}) };
        return renderTable(containerColumns(containers, Date.now()), containers, options);
      },
    };
  }
}
