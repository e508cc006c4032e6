import { resolve } from 'node:path';

import { Args, Flags } from '@oclif/core';

import { flagValue } from '../../cli/values/flag-value.ts';
import { Verb } from '../../cli/verb.ts';
import type { Outcome } from '../../cli/verb.ts';
import type { ExportedFile } from '../../guest-agent/export.ts';
import { AGENT_ARCHITECTURES, AGENT_PARTS, agentParts, ownArchitecture } from '../../guest-agent/parts.ts';
import type { AgentArchitecture } from '../../guest-agent/parts.ts';
import { LxcriError } from '../../model/errors.ts';
import { renderTable, tableOptions } from '../../terminal/table.ts';
import type { Column } from '../../terminal/table.ts';

const COLUMNS: readonly Column<ExportedFile>[] = [
  { header: 'PART', value: ({ part }) => part },
  { header: 'BYTES', value: ({ bytes }) => String(bytes), align: 'right' },
  { header: 'FILE', value: ({ path }) => path },
];

/** `agent export`: writes the guest agent, to be put into microVMs. */
export default class AgentExport extends Verb {
  static override summary = 'Write the guest agent for microVMs: program, initramfs, systemd unit.';

  static override description =
    `The agent runs inside a microVM, and exec reaches it there over vsock. It is one static program.
The initramfs is appended to one that you have, and started with the kernel parameter rdinit=/proxmox-lxcri/init.`;

  static override examples = [
    '<%= config.bin %> agent export /srv/guest',
    {
      description: 'Only what is appended to an initramfs, for machines of another kind',
      command: '<%= config.bin %> agent export --arch arm64 --only initramfs /srv/guest',
    },
  ];

  static override args = {
    directory: Args.string({ name: 'DIR', description: 'where the files are put; made if missing', ignoreStdin: true }),
  };

  static override flags = {
    arch: Flags.string({
      options: [...AGENT_ARCHITECTURES],
      summary: 'the kind of machine of the guests (default: that of this host)',
    }),
    only: Flags.string({
      helpValue: 'PART[,PART]',
      summary: `only these: ${AGENT_PARTS.join(', ')}`,
    }),
    force: Flags.boolean({ char: 'f', summary: 'replace files that are there' }),
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(AgentExport);
    const { only } = flags;
    if (args.directory === undefined || args.directory === '')
      throw new LxcriError('UsageError', 'no directory was named', 'usage: proxmox-lxcri agent export [FLAGS] DIR');
    const directory = resolve(args.directory);
    const parts = only === undefined ? AGENT_PARTS : flagValue('--only', () => agentParts(only));
    const architecture = (flags.arch as AgentArchitecture | undefined) ?? ownArchitecture();
    if (architecture === undefined) {
      const message = `there is no guest agent for machines of this kind (${process.arch})`;
      throw new LxcriError('UsageError', message, `name that of the guests: --arch ${AGENT_ARCHITECTURES.join('|')}`);
    }
    const { exportAgent } = await import('../../guest-agent/export.ts');
    const files = exportAgent({ root: this.config.root, directory, architecture, parts, force: flags.force });
    return {
      document: { architecture, directory, files },
      text: () => renderTable(COLUMNS, files, { ...tableOptions(process.stdout), truncate: false }),
    };
  }
}
