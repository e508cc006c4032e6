import type { ContainerIdentity, Platform } from './container.ts';
import type { MethodName } from './request.ts';

/** A platform of this host, and what is on it. */
export interface PlatformDiagnosis {
  platform: Platform;
  present: boolean;
  /** Why it is not present, or what it is: a version, a node. */
  detail: string;
  /** `null` where they could not be listed. */
  containers: number | null;
  running: number | null;
}

/** `warning`: something that some calls need. `problem`: nothing can run without it. */
export const CHECK_RESULTS = ['ok', 'warning', 'problem'] as const;
export type CheckResult = (typeof CHECK_RESULTS)[number];

/** Something that this host has or lacks. */
export interface Check {
  name: string;
  result: CheckResult;
  detail: string;
  /** What to do about it, or `null` where nothing needs to be done. */
  hint: string | null;
}

/**
 * `works`: it ran commands, and told exactly what happened. `unfaithful`: it ran one, and something was not as it was.
 * `fails`: it can be tried, and did not run one. `unavailable`: it cannot be tried here. `untried`: there was no container
 * to try it in.
 */
export const METHOD_RESULTS = ['works', 'unfaithful', 'fails', 'unavailable', 'untried'] as const;
export type MethodResult = (typeof METHOD_RESULTS)[number];

/** A method, whether it works here, and what it costs. */
export interface MethodDiagnosis {
  method: MethodName;
  result: MethodResult;
  /** Why it is not `works`; else `null`. */
  reason: string | null;
  /** The median of {@link runsMs}. */
  costMs: number | null;
  /** From calling the program with `true` to its end, in milliseconds. */
  runsMs: number[];
}

/** What `doctor` has found out. */
export interface Diagnosis {
  platforms: PlatformDiagnosis[];
  checks: Check[];
  /** Where the methods were tried, or `null`. */
  container: ContainerIdentity | null;
  /** Why they were tried in none; else `null`. */
  notTried: string | null;
  methods: MethodDiagnosis[];
  /** The order that was measured to be the fastest; empty where nothing was. */
  fastest: MethodName[];
  /** Whether a command can run in at least one way, as far as is known. */
  canExec: boolean;
}
