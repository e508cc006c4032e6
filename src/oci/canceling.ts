import type { ForwardedSignal } from '../model/session.ts';

/** The signals that ask a command to end; the others are only passed on. */
export const CANCELING: ReadonlySet<ForwardedSignal> = new Set<ForwardedSignal>([
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
]);
