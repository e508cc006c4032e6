import type { Engine } from '../../model/engine.ts';
import { isLxcriError } from '../../model/errors.ts';
import type { CommandOutput } from './output.ts';

/**
 * How Podman ends what it says of a command that it could not start (libpod/define/errors.go and pkg/errorhandling, 4.3),
 * and the exit codes that it gives it. A second line may be about the connection that did not come to be.
 */
const REFUSAL =
  /^Error: (.+): (?:OCI runtime attempted to invoke a command that was not found|OCI permission denied|OCI runtime error)\r?\n(?:Error: .*\r?\n)?$/;
const REFUSED_CODES: ReadonlySet<number> = new Set([125, 126, 127]);

/** The whole life of a container. */
const EVER = '876000h';

/** The engine's clock is not ours: its "now" is somewhat after the question. */
const MARGIN_MS = 2000;
const ANSWER_MS = 10_000;

/** What there is to know of an execution that Podman calls ended. */
export interface EndedExecution {
  readonly engine: Engine;
  readonly containerId: string;
  readonly id: string;
  /** When it was to be started, by our clock. */
  readonly askedAt: number;
  /** Whether that is the engine's clock too. */
  readonly isHere: boolean;
}

/**
 * Why a command of Podman was never started, where that is certain: its API shows it as one that has ended (no process,
 * `CanRemove`), and the words come as the command's own standard error. Those could be a command's, as of a Podman that runs
 * in the container. But its events have each command that has died, and none that could not be started (libpod/
 * container_exec.go). Whether events are kept at all is seen by the start of the container.
 *
 * @returns Podman's words; `undefined` where it may have been started.
 */
export async function refusalOfPodman(
  execution: EndedExecution,
  exitCode: number,
  output: CommandOutput,
): Promise<string | undefined> {
  if (!REFUSED_CODES.has(exitCode)) return undefined;
  const [, words] = REFUSAL.exec((await output.onlyErrors()) ?? '') ?? [];
  if (words === undefined) return undefined;
  const sinceMs = Date.now() - execution.askedAt + MARGIN_MS;
  const [died, started] = await Promise.all([
    eventsOf(execution, 'exec_died', `${sinceMs}ms`),
    eventsOf(execution, 'start', EVER),
  ]);
  const isKnown = died !== undefined && started !== undefined && started.length > 0;
  return isKnown && !died.some((event) => mayBeOf(event, execution, exitCode)) ? words : undefined;
}

interface PodmanEvent {
  readonly timeNano?: unknown;
  readonly Actor?: { readonly Attributes?: { readonly execID?: unknown; readonly containerExitCode?: unknown } };
}

/** Podman 4.3 does not say of which execution an event is. */
function mayBeOf(
  { timeNano, Actor: actor }: PodmanEvent,
  { id, askedAt, isHere }: EndedExecution,
  code: number,
): boolean {
  const { execID: execId, containerExitCode: exitCode } = actor?.Attributes ?? {};
  if (typeof execId === 'string' && execId !== '') return execId === id;
  if (isHere && typeof timeNano === 'number' && timeNano / 1e6 < askedAt) return false;
  return typeof exitCode !== 'string' || exitCode === String(code);
}

/** The container's events of one kind; `undefined` where they cannot be had. */
async function eventsOf(
  { engine, containerId }: EndedExecution,
  kind: string,
  since: string,
): Promise<PodmanEvent[] | undefined> {
  const filters = encodeURIComponent(JSON.stringify({ container: [containerId], event: [kind] }));
  try {
    const { status, bytes } = await engine.request(
      'GET',
      `/events?since=${since}&stream=false&filters=${filters}`,
      undefined,
      AbortSignal.timeout(ANSWER_MS),
    );
    if (status !== 200) return undefined;
    const events = bytes
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
    return events.every((event) => typeof event === 'object' && event !== null) ? events : undefined;
  } catch (error) {
    if (isLxcriError(error) || error instanceof SyntaxError || (error as Error).name === 'TimeoutError')
      return undefined;
    throw error;
  }
}
