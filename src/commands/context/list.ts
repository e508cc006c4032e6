import { CONTEXT_COLUMNS } from '../../cli/context-document.ts';
import { contextsOfCall } from '../../cli/contexts-of-call.ts';
import { Verb } from '../../cli/verb.ts';
import type { Outcome } from '../../cli/verb.ts';
import { renderTable, tableOptions } from '../../terminal/table.ts';

/** `context list`: the clusters that are known. */
export default class ContextList extends Verb {
  static override summary = 'List the contexts: clusters by name.';

  static override description =
    `Contexts are made by login, or written by hand into contexts.yaml, in /etc/proxmox-lxcri or
$XDG_CONFIG_HOME/proxmox-lxcri (~/.config/proxmox-lxcri); PROXMOX_LXCRI_CONTEXTS names one file instead of the two.
The current one is asked when none is named; PROXMOX_LXCRI_CONTEXT overrides which it is.`;

  static override examples = ['<%= config.bin %> context list'];

  protected override async perform(): Promise<Outcome> {
    await this.parse(ContextList);
    const { contexts, shown } = await contextsOfCall(process.env);
    const rows = [...contexts.all.values()].map(shown);
    return {
      document: { contexts: rows, current: rows.find(({ current }) => current)?.name ?? null },
      text: () => renderTable(CONTEXT_COLUMNS, rows, { ...tableOptions(process.stdout), truncate: false }),
    };
  }
}
