import type { Container } from '../../model/container.ts';
import type { MethodDiagnosis } from '../../model/diagnosis.ts';
import type { ExecRequest, MethodName } from '../../model/request.ts';
import { chainOf } from '../chain.ts';
import type { ChainEntry } from '../chain.ts';
import { timeMethod, tryMethod } from './trial.ts';
import type { Caller } from './trial.ts';

/** How often each method is measured; enough for a median that a busy moment does not decide. */
export const RUNS = 5;

/** Where methods are tried. */
export interface Place {
  readonly reference: string;
  readonly caller: Caller;
  readonly abort: AbortSignal;
}

/** The methods that belong to this version's chain, whether they can be tried here, and if not, why. */
export function untriedMethods(onProxmox: boolean): MethodDiagnosis[] {
  return chainOf().map((entry) => {
    const reason = obstacle(entry, onProxmox);
    return {
      method: entry.name,
      result: reason === undefined ? 'untried' : 'unavailable',
      reason: reason ?? null,
      costMs: null,
      runsMs: [],
    };
  });
}

/** What keeps a method from running anything on this host. */
function obstacle(entry: ChainEntry, onProxmox: boolean): string | undefined {
  if ('absent' in entry) return entry.absent;
  const availability = entry.check(onProxmox ? { ...ANY, platform: 'proxmox' } : ANY, PLAIN_REQUEST);
  if (availability.ok) return undefined;
  return entry.name === 'pct' && !onProxmox ? 'this host is not a Proxmox VE node' : availability.reason;
}

const ANY: Container = { id: '100', name: '100', platform: 'lxc', lxc: { name: '100', lxcpath: '/' } };

const PLAIN_REQUEST: ExecRequest = {
  id: '',
  command: ['true'],
  env: new Map(),
  workdir: undefined,
  user: undefined,
  privileged: false,
  terminal: undefined,
  stdin: { kind: 'null' },
  stdout: { kind: 'pipe' },
  stderr: { kind: 'pipe' },
  needsTreeKill: false,
};

/**
 * Tries the methods in a running container, and measures those that work, in turn: what the host does meanwhile hits
 * all of them alike.
 *
 * @returns the methods, or `undefined` when the container has nothing to try them with.
 */
export async function triedMethods(
  untried: readonly MethodDiagnosis[],
  { reference, caller, abort }: Place,
): Promise<MethodDiagnosis[] | undefined> {
  const tried: MethodDiagnosis[] = [];
  for (const diagnosis of untried) {
    if (diagnosis.result !== 'untried') {
      tried.push(diagnosis);
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop -- one command in the container at a time
    const { result, reason, nothingToRun } = await tryMethod(caller, diagnosis.method, reference, abort);
    if (nothingToRun) return undefined;
    tried.push({ ...diagnosis, result, reason });
  }
  for (let run = 0; run < RUNS; run++) {
    for (const diagnosis of tried) {
      if (diagnosis.result !== 'works') continue;
      // oxlint-disable-next-line no-await-in-loop -- alone, so that they do not slow each other
      const ms = await timeMethod(caller, diagnosis.method, reference, abort);
      if (ms !== undefined) diagnosis.runsMs.push(ms);
    }
  }
  return tried.map((diagnosis) => ({ ...diagnosis, costMs: median(diagnosis.runsMs) }));
}

function median(values: readonly number[]): number | null {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? null;
}

/**
 * The order to try methods in: those that were measured, the fastest first; then those that could not be tried here, and
 * then those that failed, which may have been for a moment only; each in the order they have. One that is unfaithful is
 * left out.
 *
 * @returns nothing where nothing was measured.
 */
export function fastestOrder(methods: readonly MethodDiagnosis[]): MethodName[] {
  const measured = methods
    .filter(({ costMs }) => costMs !== null)
    .toSorted((one, other) => (one.costMs ?? 0) - (other.costMs ?? 0));
  if (measured.length === 0) return [];
  const unknown = methods.filter(({ result }) => result === 'unavailable' || result === 'untried');
  // One that worked and could not be measured has failed since.
  const failed = methods.filter(({ result, costMs }) => result === 'fails' || (result === 'works' && costMs === null));
  return [...measured, ...unknown, ...failed].map(({ method }) => method);
}
