import type { Container } from '../model/container.ts';
import { LxcriError } from '../model/errors.ts';
import type { ExecRequest, MethodName } from '../model/request.ts';
import type { Attempt } from '../model/result.ts';
import type { Session } from '../model/session.ts';
import { NotStartedError } from '../methods/method.ts';
import type { Method } from '../methods/method.ts';
import { methodByName } from '../methods/registry.ts';

/** An entry of the chain: a method, or why a method that belongs there cannot take part. */
export type ChainEntry = Method | { readonly name: MethodName; readonly absent: string };

/** The order for Proxmox and LXC where none was chosen. */
const DEFAULT_ORDER: readonly MethodName[] = ['proxmox-api', 'pct', 'lxc-attach'];

/** The chain for a container: the order the user chose, or the default one. */
export function chainOf(order: readonly MethodName[] = DEFAULT_ORDER): ChainEntry[] {
  return order.map((name) => methodByName(name) ?? { name, absent: ABSENT[name] ?? 'not in this version' });
}

const ABSENT: Partial<Record<MethodName, string>> = { 'proxmox-api': 'no Proxmox API configured' };

/** A command that was started, and by whom. */
export interface Started {
  readonly method: MethodName;
  readonly session: Session;
}

/**
 * Tries the methods in order until one has started the command. Only a method that certainly did not start it lets the
 * next one try: the command runs at most once.
 *
 * @param attempts is filled with what became of each method, also when this throws.
 * @throws LxcriError NoMethodAvailable when none could, or the error of the method that failed for good.
 */
export async function startByChain(
  chain: readonly ChainEntry[],
  container: Container,
  request: ExecRequest,
  abort: AbortSignal,
  attempts: Attempt[],
): Promise<Started> {
  for (const entry of chain) {
    if (abort.aborted) throw new NotStartedError('canceled');
    const availability =
      'absent' in entry ? { ok: false as const, reason: entry.absent } : entry.check(container, request);
    if ('absent' in entry || !availability.ok) {
      attempts.push({ method: entry.name, outcome: 'skipped', reason: availability.ok ? '' : availability.reason });
      continue;
    }
    try {
      const session = await entry.start(container, request, abort);
      attempts.push({ method: entry.name, outcome: 'used' });
      return { method: entry.name, session };
    } catch (error) {
      attempts.push({
        method: entry.name,
        outcome: 'failed-before-start',
        reason: error instanceof Error ? error.message : String(error),
      });
      if (!(error instanceof NotStartedError) || abort.aborted) throw error;
    }
  }
  const reasons = attempts.map(({ method, reason }) => `${method}: ${reason ?? ''}`).join('; ');
  throw new LxcriError(
    'NoMethodAvailable',
    `no method can run this in container ${container.id} (${reasons})`,
    'leave out what they cannot do, or choose others with --method',
  );
}
