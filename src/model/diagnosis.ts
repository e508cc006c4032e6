import type { ContainerIdentity, Platform } from './container.ts';
import type { ApiAccess, ApiRoute } from './remote.ts';
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
export type CheckResult = 'ok' | 'warning' | 'problem';

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
export type MethodResult = 'works' | 'unfaithful' | 'fails' | 'unavailable' | 'untried';

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

/** A way to run commands over the API of a context. */
export interface RouteDiagnosis {
  route: ApiRoute;
  /** Whether it takes part without being named. */
  enabled: boolean;
  /** What keeps it from running commands by itself, whatever the guest; else `null`. */
  reason: string | null;
}

/** A cluster that is asked over its API. */
export interface ContextDiagnosis {
  context: string;
  /** Whether a server of it lets us in. */
  reachable: boolean;
  /** What it is, or why it is not reached. */
  detail: string;
  /** Whom we are to it. */
  login: ApiAccess['login'];
  routes: RouteDiagnosis[];
  /** What is remembered of the server's own endpoint for commands. */
  execEndpoint: 'absent' | 'not asked';
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
  contexts: ContextDiagnosis[];
  /** The order that was measured to be the fastest; empty where nothing was. */
  fastest: MethodName[];
  /** Whether a command can run in at least one way, as far as is known. */
  canExec: boolean;
}
