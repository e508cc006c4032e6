import type { ForwardedSignal } from '../model/session.ts';
import type { Execution } from '../oci/execution.ts';

const FORWARDED: readonly ForwardedSignal[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
];

/** Passes the signals of this process on to the command; returns what stops it. */
export function forwardSignals(execution: Execution): () => void {
  const forward = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGWINCH' && process.stdout.isTTY) execution.resize(process.stdout.columns, process.stdout.rows);
    execution.signal(signal as ForwardedSignal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}
