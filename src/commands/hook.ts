import { Command } from '@oclif/core';

import { HOOK_FLAGS } from '../cli/flags.ts';
import { oclifFlags } from '../cli/oclif-flags.ts';

/** `hook` as oclif knows it: for help, completion and the manifest. Calls are parsed by our own parser, as those of `exec`. */
export default class Hook extends Command {
  static override summary = 'Run a command in a container when Proxmox or an OCI runtime calls this as its hook.';

  static override description =
    `With VMID and PHASE it is a Proxmox hookscript: the two words that Proxmox gives it. Commands can run in post-start and pre-stop.

Without them it is an OCI hook: the state comes on standard input, and the container is the one that it names, or that the annotation of --container-annotation names. For the container itself commands can run in poststart; for another one in prestart, createRuntime, poststart and poststop.

In a phase that is not named with --on it does nothing and exits 0.

EXIT CODES
As of exec; the message of a failure says what it does to the guest.`;

  static override usage = ['hook --on PHASE[,PHASE...] [FLAGS] [VMID PHASE] -- COMMAND [ARG...]'];

  static override examples = [
    {
      description: 'The second line of a Proxmox hookscript, after #!/bin/sh',
      command: 'exec <%= config.bin %> hook --on post-start "$@" -- /usr/local/bin/setup',
    },
    {
      description: 'The args of a createRuntime hook in the config.json of a bundle',
      command: '<%= config.bin %> hook --on createRuntime --container-annotation org.example.proxy -- reload-proxy',
    },
  ];

  static override strict = false;

  static override flags = oclifFlags(HOOK_FLAGS);

  override run(): Promise<void> {
    throw new Error('hook is dispatched before oclif');
  }
}
