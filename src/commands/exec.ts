import { Command } from '@oclif/core';

import { EXEC_FLAGS } from '../cli/flags.ts';
import { oclifFlags } from '../cli/oclif-flags.ts';

/**
 * `exec` as oclif knows it: for help, completion and the manifest. Calls are parsed by our own parser from the same
 * table, because oclif's reorders a command's words.
 */
export default class Exec extends Command {
  static override summary = 'Run a command in a container; its output and exit code are passed through.';

  static override description =
    `Our flags end at "--" or at the first word of the command: from there on every word belongs to the command.

CONTAINER is a VMID (101), a name (web), or has a scheme: pve:101, pve:node1/101, pve:101@CONTEXT, vm:200, lxc:web, docker:web, k8s:NS/POD, vsock:/run/vm.sock. Pods of Kubernetes can be named by --task instead, several at once; then the command begins after "--".

EXIT CODES
0-255 the command's own, 124 timed out, 125 we failed before the command started, 126 cannot be executed, 127 no such command, 128+n ended by signal n, 255 connection lost after the start.`;

  static override usage = [
    'exec [FLAGS] CONTAINER [FLAGS] [--] COMMAND [ARG...]',
    'exec -it [FLAGS] CONTAINER',
    'exec [FLAGS] [-n NS] --task POD [--task POD ...] [--container NAME ...] -- COMMAND [ARG...]',
  ];

  static override examples = [
    {
      description: 'Separate streams and the exit code',
      command: `<%= config.bin %> exec web -- sh -c 'echo out; echo err >&2; exit 42'`,
    },
    { description: 'A shell with a terminal', command: '<%= config.bin %> exec -it 101' },
    {
      description: 'The structured result, with a timeout',
      command: '<%= config.bin %> exec --json --timeout 30s 101 -- apt-get update',
    },
    {
      description: 'As a user, in a directory, with a variable',
      command: '<%= config.bin %> exec 101 -u www-data -w /var/www -e A=1 -- env',
    },
    {
      description: 'In several pods: each line with the name of its pod, one exit code for all',
      command: '<%= config.bin %> exec -n shop --task web-0 --task web-1 -- nginx -t',
    },
  ];

  static override strict = false;

  static override flags = oclifFlags(EXEC_FLAGS);

  override run(): Promise<void> {
    throw new Error('exec is dispatched before oclif');
  }
}
