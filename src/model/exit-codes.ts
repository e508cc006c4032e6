import { constants } from 'node:os';

/** Exit codes with a meaning of their own; all others are the command's (conventions of podman, GNU timeout and ssh). */
export const EXIT = {
  timedOut: 124,
  notStarted: 125,
  notExecutable: 126,
  notFound: 127,
  connectionLost: 255,
} as const;

/** The exit code a shell gives for a process ended by this signal: 128 + its number. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
