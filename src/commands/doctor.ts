import { dirname, join } from 'node:path';

import { Args } from '@oclif/core';

import { diagnosisText } from '../cli/diagnosis-text.ts';
import { interruptible } from '../cli/interruption.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { nodeFlag } from '../cli/verb-flags.ts';
import { loadSettings } from '../config/settings.ts';
import { LxcriError } from '../model/errors.ts';
import type { MethodName } from '../model/request.ts';
import { diagnose } from '../oci/doctor/diagnose.ts';
import { callerOf } from '../oci/doctor/trial.ts';
import { hostInventory } from '../oci/locate.ts';
import { tableOptions } from '../terminal/table.ts';

/** `doctor`: what this host has and lacks, which methods work, and what each costs. */
export default class Doctor extends Verb {
  static override summary = 'Find out what works here, what does not and why, and what each method costs.';

  static override description =
    `It runs a few commands in one container: the one that is named, else the first that runs and that no task of Proxmox
holds. They change nothing in it. The exit code is 0 when commands can run in at least one way, else 125.`;

  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json 101'];

  static override args = {
    container: Args.string({
      name: 'CONTAINER',
      description: 'where the methods are tried; default: the first that runs',
      ignoreStdin: true,
    }),
  };

  static override flags = { node: nodeFlag };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Doctor);
    const settings = await loadSettings(process.env);
    const diagnosis = await interruptible((abort) =>
      diagnose(hostInventory(settings), {
        target: args.container,
        node: flags.node,
        stateDirectory: settings.stateDirectory,
        // Beside the script that was started, both in dist/ and in src/.
        caller: callerOf(join(dirname(process.argv[1] ?? ''), '../bin/proxmox-lxcri'), process.env),
        abort,
      }),
    );
    const order = { now: settings.methods, fastest: diagnosis.fastest };
    const { fastest: _, ...rest } = diagnosis;
    return {
      document: { ...rest, order },
      text: () => `${diagnosisText(diagnosis, tableOptions(process.stdout))}\n${orderText(order)}`,
      error: diagnosis.canExec ? undefined : cannotExec(),
    };
  }
}

function orderText({ now, fastest }: { now: readonly MethodName[]; fastest: readonly MethodName[] }): string {
  const lines = [`Order now: ${now.join(', ')}`];
  if (fastest.length > 0) lines.push(`Fastest:   ${fastest.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function cannotExec(): LxcriError {
  return new LxcriError('NoMethodAvailable', 'no command can run here in any way', 'mend what is a problem above');
}
