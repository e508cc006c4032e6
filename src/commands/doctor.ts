import { dirname, join } from 'node:path';

import { Args, Flags } from '@oclif/core';

import { diagnosisText } from '../cli/diagnosis-text.ts';
import { interruptible } from '../cli/interruption.ts';
import { shownOrigin } from '../cli/origin.ts';
import { clustersOf } from '../cli/inventory.ts';
import { requireRoot } from '../cli/privileges.ts';
import { warnOfUnknownVariables } from '../cli/unknown-variables.ts';
import { Verb } from '../cli/verb.ts';
import type { Outcome } from '../cli/verb.ts';
import { nodeFlag } from '../cli/verb-flags.ts';
import { configFiles, loadConfiguration } from '../config/settings.ts';
import type { Configuration, Origin } from '../config/settings.ts';
import { writeSetting } from '../config/write.ts';
import { hasContexts } from '../contexts/files.ts';
import type { Diagnosis, MethodDiagnosis } from '../model/diagnosis.ts';
import { LxcriError } from '../model/errors.ts';
import type { MethodName } from '../model/request.ts';
import { diagnose } from '../oci/doctor/diagnose.ts';
import { callerOf } from '../oci/doctor/trial.ts';
import { hostInventory } from '../oci/locate.ts';
import { sanitize } from '../terminal/sanitize.ts';
import { tableOptions } from '../terminal/table.ts';

/** `doctor`: what this host has and lacks, which methods work, and what each costs. */
export default class Doctor extends Verb {
  static override summary = 'Find out what works here, what does not and why, and what each method costs.';

  static override description =
    `It runs a few commands in one container: the one that is named, else the first that runs and that no task of Proxmox holds. They change nothing in it. The clusters of the contexts are asked whether they let us in. The exit code is 0 when commands can run in at least one way, else 125.`;

  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --json 101',
    {
      description: 'Have the fastest method tried first from now on',
      command: '<%= config.bin %> doctor --write-config',
    },
  ];

  static override args = {
    container: Args.string({
      name: 'CONTAINER',
      description: 'where the methods are tried; default: the first that runs',
      ignoreStdin: true,
    }),
  };

  static override flags = {
    'write-config': Flags.boolean({
      summary: "write the fastest order of methods into the system's configuration file",
    }),
    node: nodeFlag,
  };

  protected override async perform(): Promise<Outcome> {
    const { args, flags } = await this.parse(Doctor);
    const { env } = process;
    if (flags['write-config']) requireRoot(['doctor', ...this.argv]);
    warnOfUnknownVariables(env);
    const { settings, given } = await loadConfiguration(env);
    const clusters = hasContexts(env) ? await clustersOf(settings.stateDirectory, {}) : [];
    const diagnosis = await interruptible((abort) =>
      diagnose(hostInventory(settings), {
        target: args.container,
        node: flags.node,
        clusters,
        stateDirectory: settings.stateDirectory,
        // Beside the script that was started, both in dist/ and in src/.
        caller: callerOf(join(dirname(process.argv[1] ?? ''), '../bin/proxmox-lxcri'), env),
        abort,
      }),
    );
    const { fastest, ...rest } = diagnosis;
    const order: Order = { now: settings.methods, origin: originOf(given), fastest };
    const written = flags['write-config'] && fastest.length > 0 ? await writeOrder(fastest, env) : null;
    return {
      document: { ...rest, order, written },
      text: () =>
        `${diagnosisText(diagnosis, tableOptions(process.stdout))}\n${orderText(order, written, diagnosis.methods)}`,
      error: problemOf(diagnosis, flags['write-config'] && written === null),
    };
  }
}

interface Order {
  readonly now: readonly MethodName[];
  readonly origin: Origin;
  readonly fastest: readonly MethodName[];
}

/** What was written, and what makes it have no effect for this caller. */
interface Written {
  readonly file: string;
  readonly methods: readonly MethodName[];
  readonly overriddenBy: Origin | null;
}

function originOf(given: Configuration['given']): Origin {
  return given.get('methods')?.origin ?? { kind: 'default' };
}

async function writeOrder(methods: readonly MethodName[], env: NodeJS.ProcessEnv): Promise<Written> {
  const [file] = configFiles(env);
  if (file === undefined) {
    throw new LxcriError(
      'ConfigError',
      'PROXMOX_LXCRI_CONFIG says that no configuration file is read',
      'unset the variable, or have it name a file',
    );
  }
  await writeSetting(file, 'methods', methods);
  const origin = originOf((await loadConfiguration(env)).given);
  return { file, methods, overriddenBy: origin.kind === 'file' && origin.file === file ? null : origin };
}

function orderText(
  { now, origin, fastest }: Order,
  written: Written | null,
  diagnosed: readonly MethodDiagnosis[],
): string {
  const lines = [`Order now: ${now.join(', ')} (${shownOrigin(origin)})`];
  if (fastest.length > 0) lines.push(`Fastest:   ${fastest.join(', ')}`);
  if (written !== null) {
    const { file, methods, overriddenBy } = written;
    lines.push(`Written to ${file}: methods: [${methods.join(', ')}]`);
    for (const { method, reason } of diagnosed.filter(({ costMs }) => costMs === null)) {
      const place = methods.includes(method) ? 'Last' : 'Left out';
      lines.push(`${place}: ${method}: ${reason ?? 'it failed while it was measured'}`);
    }
    if (overriddenBy !== null) lines.push(`It has no effect here: ${shownOrigin(overriddenBy)} sets another order`);
  }
  return lines.map((line) => `${sanitize(line)}\n`).join('');
}

function problemOf({ canExec, notTried }: Diagnosis, nothingWritten: boolean): LxcriError | undefined {
  if (!canExec)
    return new LxcriError('NoMethodAvailable', 'no command can run here in any way', 'mend what is a problem above');
  if (!nothingWritten) return undefined;
  return new LxcriError(
    'OperationFailed',
    `nothing was written: no method was measured (${notTried ?? 'none works'})`,
    'start a container, or name another one',
  );
}
