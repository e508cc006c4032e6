/** Runs the shared table of exec cases for one method, through the built CLI, in the text form and with --json. */
import { readdirSync, readFileSync } from 'node:fs';

import { expect } from 'chai';

import type { MethodName } from '../../../src/model/request.ts';
import type { ExecResult } from '../../../src/model/result.ts';
import {
  assertNothingNew,
  endProcess,
  processesIn,
  processesSince,
  snapshotProcesses,
  waitFor,
} from '../../support/lxc.ts';
import type { Argv, Inhabited, ProcessInfo, ProcessSnapshot, RunResult } from '../../support/lxc.ts';
import { EXEC_CASES } from './cases.ts';
import type { ExecCase, Form, Gap, Need, Outside } from './cases.ts';
import { runCli, startCli } from './cli.ts';
import type { CliOptions, CliResult, Word } from './cli.ts';
import { expectErrorLine, resultOf, streamOf } from './result.ts';

/** What commands run in, as the table sees it without the method under test. */
export type Observed = Inhabited & { attach(argv: Argv): Promise<Pick<RunResult, 'exitCode'>> };

/** What a method's suite brings: a running container, and how the CLI is called for it. */
export interface Harness {
  readonly method: MethodName;
  /** What the user types for the container. */
  readonly reference: () => string;
  readonly container: () => Observed;
  /** Added to the CLI's environment. */
  readonly environment?: () => Record<string, string>;
  /** The command cannot have our own output: it runs on another host. */
  readonly holdsOutput?: true;
  /**
   * A further way to a method whose rows have all run in both forms: here each is run in one, in turn; `other` where a
   * suite beside this one runs the first.
   */
  readonly inTurn?: true | 'other';
  /** The rules of the rows that are run: of another engine behind the same code, those that it could break. Default: all. */
  readonly only?: readonly RegExp[];
  /** Its channel reports the signal that ended a command. */
  readonly reportsSignals?: true;
  /** What programs there are told of where they are. Default: that they are in a container of LXC. */
  readonly platform?: Record<string, string>;
  /** Added to the rows' limits, for a channel that is asked again and again. */
  readonly slowerByMs?: number;
  /** What its channel has not, so that these rows are left out. */
  readonly gaps?: readonly Gap[];
  /** What the method cannot, with the reason it must give when it passes such a request over. */
  readonly exceptions: Partial<Record<Need, RegExp>>;
}

/** Declares the tests; to be called inside a `describe`. */
export function itFollowsTheContract(harness: Harness): void {
  for (const pattern of harness.only ?? [])
    if (!EXEC_CASES.some(({ rule }) => pattern.test(rule))) throw new Error(`no row is ${pattern}`);
  for (const [index, each] of EXEC_CASES.entries()) {
    if (harness.only?.some((pattern) => pattern.test(each.rule)) === false) continue;
    if (each.restsOn !== undefined && harness.gaps?.includes(each.restsOn) === true) continue;
    const row = harness.holdsOutput === true && each.ownOutput === true ? ofHeldOutput(each) : each;
    const exception = row.needs?.map((need) => harness.exceptions[need]).find((reason) => reason !== undefined);
    if (exception !== undefined) {
      it(`passes over: ${row.rule}`, () => expectPassedOver(harness, row, exception));
      continue;
    }
    for (const form of formsOf(row, index, harness.inTurn)) {
      it(`${row.rule} (${form})`, () => runRow(harness, row, form));
    }
  }
}

function formsOf(row: ExecCase, index: number, inTurn: Harness['inTurn']): Form[] {
  if (row.form !== undefined) return [row.form];
  if (inTurn === undefined) return ['text', 'json'];
  return [(index % 2 === 0) === (inTurn === true) ? 'text' : 'json'];
}

/** What holds of such a case where we read the output. */
function ofHeldOutput(row: ExecCase): ExecCase {
  const rule = row.rule.replace(/: .*/, ': here too, reading stops after a second of silence');
  return { ...row, rule, expected: { ...row.expected, withinMs: 5000 } };
}

function call(
  { method, reference, environment }: Harness,
  row: ExecCase,
  form: Form,
  round = 0,
): { words: Word[]; options: CliOptions } {
  const words = [
    'exec',
    ...(form === 'json' ? ['--json'] : []),
    '--method',
    method,
    ...(row.limitMs === undefined ? [] : ['--timeout', `${row.limitMs * 4 ** round}ms`]),
    ...(row.flags ?? []),
    reference(),
    '--',
    ...row.command,
  ];
  return {
    words,
    options: { env: { ...row.callerEnvironment, ...environment?.() }, stdin: row.stdin, pipedTo: row.pipedTo },
  };
}

/** The method says why it cannot, and nothing runs. */
async function expectPassedOver(harness: Harness, row: ExecCase, reason: RegExp): Promise<void> {
  const before = await snapshotProcesses(harness.container());
  const { words, options } = call(harness, row, 'json');
  const result = resultOf(await runCli(words, options));
  expect(result.error?.code).to.equal('NoMethodAvailable');
  expect([result.exitCode, result.started, result.stdout, result.stderr]).to.deep.equal([125, false, '', '']);
  expect(result.attempts.map(({ method, outcome }) => [method, outcome])).to.deep.equal([[harness.method, 'skipped']]);
  expect(result.attempts[0]?.reason).to.match(reason);
  await assertNothingNew(harness.container(), before);
}

/** On a busy machine, what had too little time for what it is about is run again. */
async function runRow(harness: Harness, row: ExecCase, form: Form): Promise<void> {
  for (let round = 0; !(await runOnce(harness, row, form, round)); round++);
}

const ROUNDS = 4;

/** @returns whether it had time enough, in as far as that can be had. */
async function runOnce(harness: Harness, row: ExecCase, form: Form, round: number): Promise<boolean> {
  const container = harness.container();
  if (row.prepare !== undefined) {
    expect((await container.attach(['sh', '-c', row.prepare])).exitCode, 'preparation').to.equal(0);
  }
  const before = await snapshotProcesses(container);
  const { words, options } = call(harness, row, form, round);
  const cli = startCli(words, options);
  try {
    await row.during?.(cli, outsideOf(container));
    const { durationMs } = await cli.exited;
    const isLast = round === ROUNDS - 1;
    const withinMs = (row.expected.withinMs ?? Number.POSITIVE_INFINITY) + (harness.slowerByMs ?? 0);
    const isLate = durationMs - (row.limitMs ?? 0) * (4 ** round - 1) >= withinMs;
    if (isLast && isLate) expect.fail(`it took ${durationMs} ms, and not less than ${withinMs}`);
    if (row.leaves === undefined) await assertNothingNew(container, before);
    else await endWhatIsLeft(container, before, row.leaves);
    const done = await cli.ended;
    if (!isLast && (isLate || (row.limitMs !== undefined && !hasBegun(row, form, done)))) return false;
    if (form === 'text') checkText(harness, row, done);
    else checkResult(harness, row, resultOf(done));
    return true;
  } finally {
    // A row that failed leaves nothing for the next one.
    cli.child.kill('SIGKILL');
    cli.child.stdout?.destroy();
    cli.child.stderr?.destroy();
    await endAll(container, await processesSince(container, before));
  }
}

/** Whether the command was started in its time, and has said what it says first. */
function hasBegun({ expected }: ExecCase, form: Form, done: CliResult): boolean {
  const [started, said] =
    form === 'json'
      ? [resultOf(done).started, resultOf(done).stdout]
      : [!done.stderr.includes('nothing was started'), done.stdout.toString()];
  return started && (expected.stdout === undefined || said !== '');
}

/** Exactly the process that was meant to stay is there, and is ended. */
async function endWhatIsLeft(container: Observed, before: ProcessSnapshot, marker: string): Promise<void> {
  // The attaching program may still be on its way out, and a shell not yet have become the daemon.
  const left = await waitFor(
    async () => {
      const found = (await processesSince(container, before)).filter(({ state }) => state !== 'X');
      return found.length === 1 && found[0]?.args === marker && found;
    },
    { what: `exactly one process, ${marker}, to be left` },
  );
  await endAll(container, left);
  await assertNothingNew(container, before);
}

async function endAll(container: Observed, processes: readonly ProcessInfo[]): Promise<void> {
  await Promise.all(processes.map(({ pid }) => endProcess(container, pid)));
}

function outsideOf(container: Observed): Outside {
  return {
    appears: async (commandLine) => {
      await waitFor(async () => (await processesIn(container)).some(({ args }) => args === commandLine), {
        what: `${commandLine} to run in ${container.name}`,
      });
    },
    commandLines: async ({ words }) => {
      // By what it was called with, not by its pid: for a moment a child that it starts looks like it.
      const typed = `\0${words.map(String).join('\0')}\0`;
      const ofHost = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(commandLineOf)
        .filter((line) => !line.endsWith(typed));
      if ('pids' in container) return ofHost;
      return [...ofHost, ...(await processesIn(container)).map(({ args }) => args)];
    },
  };
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

function checkText(
  { platform = LXC }: Harness,
  { expected, check }: ExecCase,
  { exitCode, signal, stdout, stderr }: CliResult,
): void {
  // A signal that ended the CLI itself shows as a shell shows it.
  expect(signal === 'SIGKILL' ? 137 : exitCode, `exit code; stderr: ${stderr.toString()}`).to.equal(expected.exitCode);
  if (expected.error === undefined) expectBytes(stderr, expected.stderr, 'stderr');
  else expectErrorLine(stderr, expected.error);
  if (check === undefined) expectBytes(stdout, expected.stdout, 'stdout');
  else check(stdout, stderr, platform);
}

const LXC = { container: 'lxc' };

function checkResult(
  { method, reference, reportsSignals, platform = LXC }: Harness,
  { command, expected, check, signal }: ExecCase,
  result: ExecResult,
): void {
  const { exitCode, error = null } = expected;
  expect(result.exitCode, JSON.stringify(result.error)).to.equal(exitCode);
  expect(result.error?.code ?? null).to.equal(error);
  expect(result.command).to.deep.equal(command.map((word) => word.toString()));
  expect(result.container?.id).to.equal(reference().replace(/^.*:/, ''));
  const started = error === null || error === 'ExecutionTimeout';
  expect(result).to.deep.include({
    method: started ? method : null,
    started,
    treeKill: started,
    truncated: false,
    outputIncomplete: false,
    timedOut: false,
    canceled: false,
    connectionLost: false,
    signal: (reportsSignals === true ? signal : undefined) ?? null,
    ...expected.result,
  });
  expect(result.attempts.at(-1)).to.deep.include({ method, outcome: started ? 'used' : 'failed-before-start' });
  const [stdout, stderr] = [streamOf(result, 'stdout'), streamOf(result, 'stderr')];
  expectBytes(stderr, expected.stderr, 'stderr');
  if (check === undefined) expectBytes(stdout, expected.stdout, 'stdout');
  else check(stdout, stderr, platform);
}

/** Large values are compared without chai's diff, which would take minutes. */
function expectBytes(actual: Buffer, expected: string | Buffer = '', what: string): void {
  const wanted = Buffer.from(expected);
  if (actual.equals(wanted)) return;
  if (wanted.length + actual.length < 10_000)
    expect(actual.toString('latin1'), what).to.equal(wanted.toString('latin1'));
  const at = actual.findIndex((byte, index) => byte !== wanted[index]);
  throw new Error(`${what}: ${actual.length} bytes instead of ${wanted.length}; the first other one is number ${at}`);
}
