import { isatty } from 'node:tty';

import type { Settings } from '../config/keys.ts';
import { loadSettings } from '../config/settings.ts';
import { hasContexts } from '../contexts/files.ts';
import { LxcriError, isLxcriError } from '../model/errors.ts';
import type { ErrorCode, ErrorInfo } from '../model/errors.ts';
import type { Word } from '../model/request.ts';
import { SCHEMA_VERSION } from '../model/result.ts';
import type { ExecResult } from '../model/result.ts';
import type { Output } from '../oci/stdio.ts';
import { afterFailure, describeEvent, ociEvent } from '../oci/hooks/event.ts';
import type { HookEvent } from '../oci/hooks/event.ts';
import { phasesOf } from '../oci/hooks/phases.ts';
import type { Phase } from '../oci/hooks/phases.ts';
import { HINT as STATE_HINT, MAX_STATE_BYTES, parseState } from '../oci/hooks/state.ts';
import type { OciState } from '../oci/hooks/state.ts';
import { ociTarget, proxmoxTarget } from '../oci/hooks/target.ts';
import { hostInventory } from '../oci/locate.ts';
import { checkVmid, isVmid } from '../oci/reference.ts';
import { standardInput } from '../process/standard-streams.ts';
import type { HookFlagName } from './flags.ts';
import { say, sayError } from './messages.ts';
import { HOOK_USAGE, parseHookWords } from './parse-hook.ts';
import type { ParsedWords } from './parse-words.ts';
import { printDocument } from './print-document.ts';
import { requireRoot } from './privileges.ts';
import { readInput } from './read-input.ts';
import { asksForJson, execute, explain, ownError } from './run-exec.ts';
import { understand } from './exec-call.ts';
import type { ExecCall } from './exec-call.ts';
import { formatDuration } from './values/duration.ts';
import { parsePhases } from './values/phases.ts';

/** A runtime writes the state as soon as it has started the hook. */
const STATE_DEADLINE_MS = 5000;

/** For the state that only says whose call was not understood: who tries this in a script does not wait long for that. */
const STATE_OF_FAILURE_DEADLINE_MS = 1000;

/** What `hook --json` prints, between `schemaVersion` and `error`. */
interface HookDocument {
  /** `null` while the call is not understood. */
  platform: HookEvent['platform'] | null;
  subject: string | null;
  phases: string[];
  /** Why nothing was run, where nothing was to be run. */
  skipped: string | null;
  /** What a failure of this hook does. */
  afterFailure: string | null;
  result: ExecResult | null;
  exitCode: number;
}

/**
 * `proxmox-lxcri hook`: finds out in which phase of which container it was called, and runs the command in the container.
 *
 * @param words the words after `hook`, byte for byte.
 * @param showHelp shows the help of `hook` and returns the exit code.
 * @returns the exit code: the command's own; 0 in a phase that was not asked for.
 */
export async function runHook(words: readonly Word[], showHelp: () => Promise<number>): Promise<number> {
  const hook = new Hook(asksForJson(words), guessEvent(words));
  try {
    const parsed = parseHookWords(words);
    if (parsed.flags.has('help')) return await showHelp();
    return await hook.run(parsed, () => requireRoot(['hook', ...words]));
  } catch (thrown) {
    return hook.failed(await ownError(thrown));
  }
}

type HookWords = ParsedWords<HookFlagName>;

/** Good enough for a call that cannot be parsed: a mistake in the words must say, too, what it does to the guest. */
function guessEvent(words: readonly Word[]): HookEvent | undefined {
  const end = words.indexOf('--');
  const ours = words.slice(0, end === -1 ? undefined : end);
  const at = ours.findIndex(
    (word, index) => typeof word === 'string' && isVmid(word) && phaseOf(ours[index + 1]).length > 0,
  );
  return at === -1 ? undefined : proxmoxEvent(String(ours[at]), String(ours[at + 1]));
}

function proxmoxEvent(vmid: string, phase: string): HookEvent {
  return { platform: 'proxmox', subject: vmid, phases: phaseOf(phase), moment: phase };
}

function phaseOf(word: Word | undefined): Phase[] {
  return phasesOf('proxmox').filter(({ name }) => name === word);
}

class Hook {
  /** Known before the words are understood, so that a mistake in them is reported as it was asked for. */
  #json: boolean;
  /** `undefined` until it is known. */
  #event: HookEvent | undefined;
  /** Of an OCI hook: the phases to act in. */
  #wanted = phasesOf('oci');
  /** Whether standard input was looked at: there is only one state. */
  #stateRead = false;

  constructor(json: boolean, event: HookEvent | undefined) {
    this.#json = json;
    this.#event = event;
  }

  async run(words: HookWords, checkPrivileges: () => void): Promise<number> {
    this.#json = words.flags.has('json');
    if (words.command.length === 0) throw new LxcriError('MissingCommand', 'no command was given', HOOK_USAGE);
    if (words.operands.length > 0) {
      const event = this.#calledByProxmox(words);
      const reason = notAskedFor(event, words);
      if (reason !== undefined) return this.#skip(reason, words);
      const settings = await loadSettings(process.env);
      const call = understandHook(words, settings);
      checkPrivileges();
      return this.#execute(call, proxmoxTarget(event, hostInventory(settings)));
    }
    if (words.flags.has('on')) this.#wanted = parsePhases(words.flags.get('on') ?? [], 'oci');
    const wanted = this.#wanted;
    const state = await this.#readState(STATE_DEADLINE_MS);
    const event = ociEvent(state.id, state.status, wanted);
    this.#event = event;
    if (event.phases.length === 0)
      return this.#skip(
        `the status ${state.status} is of none of: ${wanted.map(({ name }) => name).join(', ')}`,
        words,
      );
    const settings = await loadSettings(process.env);
    const call = understandHook(words, settings);
    checkPrivileges();
    const annotation = words.flags.get('container-annotation')?.at(-1);
    return this.#execute(call, await ociTarget(event, state, annotation, hostInventory(settings)));
  }

  async failed(error: LxcriError): Promise<number> {
    if (this.#event === undefined && !this.#stateRead) this.#event = await this.#eventOfState();
    if (this.#json) return this.#print({ exitCode: error.exitCode }, error.toInfo());
    sayError(this.#withContext(error.toInfo()));
    return error.exitCode;
  }

  async #readState(deadlineMs: number): Promise<OciState> {
    this.#stateRead = true;
    return parseState(await readStandardInput(deadlineMs));
  }

  /** Of a call that was not understood; where no OCI runtime called, there is none. */
  async #eventOfState(): Promise<HookEvent | undefined> {
    try {
      const { id, status } = await this.#readState(STATE_OF_FAILURE_DEADLINE_MS);
      const event = ociEvent(id, status, this.#wanted);
      return event.phases.length > 0 ? event : ociEvent(id, status, phasesOf('oci'));
    } catch (error) {
      if (!isLxcriError(error)) throw error;
      return undefined;
    }
  }

  #calledByProxmox({ operands, flags }: HookWords): HookEvent {
    const [vmid = '', phase] = operands;
    if (phase === undefined) throw new LxcriError('UsageError', 'the phase after the VMID is missing', HOOK_USAGE);
    if (flags.has('container-annotation'))
      throw new LxcriError('UsageError', '--container-annotation is for OCI hooks, which have no VMID', HOOK_USAGE);
    checkVmid(vmid);
    this.#event = proxmoxEvent(vmid, phase);
    return this.#event;
  }

  #skip(reason: string, { flags }: HookWords): Promise<number> | number {
    if (this.#json) return this.#print({ skipped: reason, exitCode: 0 }, null);
    if (flags.has('verbose') && this.#event !== undefined)
      say(`${describeEvent(this.#event)}: nothing done: ${reason}`);
    return 0;
  }

  async #execute(call: ExecCall, target: string): Promise<number> {
    const ignoreLock = this.#event?.platform === 'proxmox';
    const options = { ...call.options, ignoreLock };
    const result = await execute({ ...call, container: target, options }, hostInventory(call.settings));
    if (call.verbose) explain(result);
    const { exitCode, durationMs } = result;
    const error = result.container === null ? withReach(result.error) : result.error;
    if (this.#json) return this.#print({ result, exitCode }, error);
    if (error !== null) sayError(this.#withContext(error));
    else if (this.#event !== undefined && (exitCode !== 0 || call.quiet)) {
      const after = exitCode === 0 ? '' : `; ${afterFailure(this.#event)}`;
      say(`${describeEvent(this.#event)}: exit code ${exitCode} (${formatDuration(durationMs)})${after}`);
    }
    return exitCode;
  }

  /** Whose hook failed, and what that does: who reads it sees only the log of a start or stop. A document has fields for it. */
  #withContext({ code, message, hint }: ErrorInfo): ErrorInfo {
    const event = this.#event;
    if (event === undefined) return { code, message, ...(hint === undefined ? {} : { hint }) };
    const after = afterFailure(event);
    const rest = [hint, after].filter((part) => part !== undefined && part !== '').join('; ');
    return { code, message: `${describeEvent(event)}: ${message}`, hint: rest };
  }

  #print(outcome: Partial<HookDocument>, error: ErrorInfo | null): Promise<number> {
    const event = this.#event;
    const document: HookDocument = {
      platform: event?.platform ?? null,
      subject: event?.subject ?? null,
      phases: event?.phases.map(({ name }) => name) ?? [],
      skipped: null,
      afterFailure: event === undefined ? null : afterFailure(event),
      result: null,
      exitCode: 0,
      ...outcome,
    };
    return printDocument(
      { schemaVersion: SCHEMA_VERSION, ...document, error },
      document.exitCode,
      `the hook's exit code is ${document.exitCode}`,
    );
  }
}

/** What a hook does not find may be in a cluster that it does not ask: who may set annotations must not choose there. */
function withReach(error: ErrorInfo | null): ErrorInfo | null {
  if (error === null || !ELSEWHERE.has(error.code) || !hasContexts(process.env)) return error;
  return { ...error, hint: 'a hook looks on this host and the nodes of its cluster, and asks no contexts' };
}

const ELSEWHERE: ReadonlySet<string> = new Set<ErrorCode>([
  'ContainerNotFound',
  'PlatformUnreachable',
  'NoMethodAvailable',
]);

/** Why nothing is to be done in this phase, if so. */
function notAskedFor({ moment }: HookEvent, { flags }: HookWords): string | undefined {
  if (!flags.has('on'))
    throw new LxcriError(
      'UsageError',
      '--on is missing: the phases to act in',
      'write --on post-start, or --on post-start,pre-stop',
    );
  const wanted = parsePhases(flags.get('on') ?? [], 'proxmox').map(({ name }) => name);
  return wanted.includes(moment) ? undefined : `it is to act in ${wanted.join(', ')} only`;
}

/** As `exec` understands them; only the container is named later. A hook has no terminal, and its input is not the command's. */
function understandHook({ command, flags }: HookWords, settings: Settings): ExecCall {
  const call = understand(
    {
      container: '',
      command,
      flags: {
        get: (name) => flags.get(name as HookFlagName),
        has: (name) => name === 'no-tty' || name === 'no-stdin' || flags.has(name as HookFlagName),
      },
    },
    settings,
  );
  const { stdout, stderr } = call.options;
  return { ...call, options: { ...call.options, stdout: held(stdout), stderr: held(stderr) } };
}

/** Our caller reads these to their end: a daemon that the command leaves running would make it wait for ever. */
function held(output: Output | undefined): Output {
  return typeof output === 'object' ? { ...output, held: true } : (output ?? 'ignore');
}

/** The state, or an error where nobody writes one. */
async function readStandardInput(deadlineMs: number): Promise<Buffer> {
  if (isatty(0)) throw noState('is a terminal');
  const input = await readInput(standardInput(), { maxBytes: MAX_STATE_BYTES, deadlineMs });
  if (input === 'too late') throw noState(`did not end within ${formatDuration(deadlineMs)}`);
  if (input === 'too long') throw noState(`is longer than ${MAX_STATE_BYTES} bytes`);
  return input;
}

function noState(what: string): LxcriError {
  return new LxcriError('UsageError', `there is no OCI state: standard input ${what}`, STATE_HINT);
}
