import { constants } from 'node:os';

/** A signal by its name; those for real time have no others. */
export type SignalName = NodeJS.Signals | 'SIGRTMIN' | `SIGRTMIN+${number}` | 'SIGRTMAX' | `SIGRTMAX-${number}`;

/** What signal(7) leaves to programs: glibc keeps 32 and 33 to itself. */
const RTMIN = 34;
const RTMAX = 64;

/** Up to this number kill(1) and bash count from the least one for real time, then to the greatest. */
const LAST_OF_RTMIN = 49;

/**
 * The signal of a text as kill(1) takes it: `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3` or `37`.
 *
 * @returns `undefined` where there is none.
 */
export function signalNamed(text: string): SignalName | undefined {
  const wanted = text.toUpperCase();
  const known = Object.entries(constants.signals).find(
    ([name, number]) => name === wanted || name === `SIG${wanted}` || String(number) === text,
  );
  if (known !== undefined) return known[0] as NodeJS.Signals;
  const number = /^\d\d$/.test(text) ? Number(text) : realTimeNumber(wanted);
  return number !== undefined && number >= RTMIN && number <= RTMAX ? realTimeName(number) : undefined;
}

/** The number of a signal, as process.kill() takes it for every one. */
export function signalNumber(name: SignalName): number {
  return realTimeNumber(name) ?? constants.signals[name as NodeJS.Signals];
}

function realTimeNumber(name: string): number | undefined {
  const above = /^(?:SIG)?RTMIN(?:\+(\d\d?))?$/.exec(name);
  if (above !== null) return RTMIN + Number(above[1] ?? 0);
  const below = /^(?:SIG)?RTMAX(?:-(\d\d?))?$/.exec(name);
  return below === null ? undefined : RTMAX - Number(below[1] ?? 0);
}

function realTimeName(number: number): SignalName {
  if (number === RTMIN) return 'SIGRTMIN';
  if (number === RTMAX) return 'SIGRTMAX';
  return number <= LAST_OF_RTMIN ? `SIGRTMIN+${number - RTMIN}` : `SIGRTMAX-${RTMAX - number}`;
}
