import { readProcess } from '../../process/proc.ts';
import { msOfTicks, sinceBootMs } from '../../process/start-time.ts';

/** A key press and its answer are felt as one up to here; with what ends us, and what we started. */
const WHOLE_MS = 90;

/** On a host that takes long to start us, there is this left nevertheless. */
const LEAST_MS = 40;

/** How long, in milliseconds, may still be asked, counted from when the launcher was started: Node sees its own start. */
export function timeLeftMs(): number {
  const startTime = readProcess(process.pid)?.startTime;
  const seen = process.uptime() * 1000;
  const passed = startTime === undefined ? seen : Math.max(seen, sinceBootMs() - msOfTicks(startTime));
  // Where all is slow, so is what is asked.
  return Math.round(Math.max(WHOLE_MS - passed, LEAST_MS, passed / 2));
}
