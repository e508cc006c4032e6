/** What a new cluster has in common, before it has nodes and guests. */
import { Accounts, type UserOptions } from './access/accounts.ts';
import { Tickets } from './access/tickets.ts';
import type { NodeState } from './node-state.ts';
import { REAL_SETTINGS, type Settings } from './settings.ts';
import type { ClusterState, Guest } from './state.ts';

export interface StateOptions {
  readonly users: Readonly<Record<string, UserOptions>>;
  readonly settings: Partial<Settings>;
  /** Which pool a guest is in. */
  readonly pools: ReadonlyMap<number, string>;
}

export interface GrowingState extends ClusterState {
  readonly nodes: NodeState[];
  readonly guests: Map<number, Guest>;
  advanceClock(seconds: number): void;
  /** What was to be done later is not done. */
  forgetTimers(): void;
}

export function makeState({ users, settings: given, pools }: StateOptions): GrowingState {
  const settings: Settings = { ...REAL_SETTINGS, ...given };
  const timers = new Set<NodeJS.Timeout>();
  let offset = 0;
  const now = (): number => Date.now() / 1000 + offset;
  return {
    name: 'test',
    settings,
    accounts: new Accounts(users, pools),
    tickets: new Tickets(now, () => settings.ticketLifetimeSeconds),
    nodes: [],
    guests: new Map(),
    requests: [],
    now,
    advanceClock: (seconds) => void (offset += seconds),
    later(milliseconds, action) {
      const timer = setTimeout(() => (timers.delete(timer), action()), milliseconds);
      timers.add(timer);
    },
    forgetTimers: () => timers.forEach((timer) => clearTimeout(timer)),
  };
}
