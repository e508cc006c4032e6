import { Flags } from '@oclif/core';

import { shownOrigin } from '../../cli/origin.ts';
import { warnOfUnknownVariables } from '../../cli/unknown-variables.ts';
import { Verb } from '../../cli/verb.ts';
import type { Outcome } from '../../cli/verb.ts';
import type { Written } from '../../config/kinds.ts';
import { loadConfiguration } from '../../config/settings.ts';
import type { Origin, Setting } from '../../config/settings.ts';
import { hostInventory } from '../../oci/locate.ts';
import { renderTable, tableOptions } from '../../terminal/table.ts';
import type { Column } from '../../terminal/table.ts';

interface Row {
  readonly key: string;
  readonly value: Written;
  readonly origin: Origin;
}

const COLUMNS: readonly Column<Row>[] = [
  { header: 'KEY', value: ({ key }) => key },
  { header: 'VALUE', value: ({ value }) => (typeof value === 'string' ? value : `[${value.join(', ')}]`) },
];

const ORIGIN: Column<Row> = { header: 'ORIGIN', value: ({ origin }) => shownOrigin(origin) };

/** `config show`: the settings that hold here. */
export default class ConfigShow extends Verb {
  static override summary = 'Show every setting and its value.';

  static override description =
    `Settings come from /etc/proxmox-lxcri/config.yaml, then $XDG_CONFIG_HOME/proxmox-lxcri/config.yaml (or ~/.config/...), then the variables PROXMOX_LXCRI_*, then the flags of a call; later ones override earlier ones.
PROXMOX_LXCRI_CONFIG names one file instead of the two.`;

  static override examples = [
    '<%= config.bin %> config show',
    { description: 'And where each value was set', command: '<%= config.bin %> config show --origin' },
  ];

  static override flags = {
    origin: Flags.boolean({ summary: 'show where each value was set; --json always does' }),
  };

  protected override async perform(): Promise<Outcome> {
    const { flags } = await this.parse(ConfigShow);
    warnOfUnknownVariables(process.env);
    const { settings, given } = await loadConfiguration(process.env);
    const { lxcpaths } = hostInventory(settings);
    // Where containers are looked for is never only what was configured: LXC has a say, too.
    const value = (key: string, { written }: Setting): Written => (key === 'lxcpath' ? lxcpaths : (written ?? ''));
    const rows = [...given].map(([key, setting]) => ({ key, value: value(key, setting), origin: setting.origin }));
    return {
      document: { settings: rows },
      // A value that was cut would be of no use.
      text: () =>
        renderTable(flags.origin ? [...COLUMNS, ORIGIN] : COLUMNS, rows, {
          ...tableOptions(process.stdout),
          truncate: false,
        }),
    };
  }
}
