import type { ForwardedSignal } from '../model/session.ts';

const FORWARDED: readonly ForwardedSignal[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
];

/** What signals are passed on to. */
export interface Signalled {
  signal(signal: ForwardedSignal): void;
  /** Where it may have a terminal. */
  resize?(columns: number, rows: number): void;
}

/** Passes the signals of this process on to the command; returns what stops it. */
export function forwardSignals(execution: Signalled): () => void {
  const forward = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGWINCH' && process.stdout.isTTY) execution.resize?.(process.stdout.columns, process.stdout.rows);
    execution.signal(signal as ForwardedSignal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}
