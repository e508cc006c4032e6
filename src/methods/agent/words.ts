import type { Word } from '../../model/request.ts';
import { TAG_VARIABLE } from '../../process/tree.ts';
import { timerSlackFor } from '../../process/timer-slack.ts';
import { CONTROL_SCRIPT, GUEST_PATH, LAUNCH_SCRIPT, SESSION_SCRIPT } from './guest-script.ts';

/**
 * What the agent is asked to run, as words that arrive unchanged by every version: the server loses words that are empty,
 * older ones decode and encode what is not ASCII on the way, and the agent writes them into the guest's log.
 */

/** Less than what the kernel allows for one word. */
const PIECE_CHARACTERS = 100_000;

/** Stands for the script among the words of a launch. */
export const SCRIPT: unique symbol = Symbol('script');

/** What is to be run by LAUNCH_SCRIPT. */
export interface GuestLaunch {
  readonly id: string;
  readonly words: readonly (Word | typeof SCRIPT)[];
  /** For {@link SCRIPT} among the words. */
  readonly script: string;
  /** Whether standard input begins with a line of {@link environmentLine}. */
  readonly hasEnvironment: boolean;
  /** Whether the processes are to be found again, and their output may be held by others. */
  readonly isCommand: boolean;
}

/** The words for the agent that run something by the guest's shell. */
export function launchWords({ id, words, script, hasEnvironment, isCommand }: GuestLaunch): string[] {
  const text = asciiOf(Buffer.concat([Buffer.from('set --'), ...words.map(quoted)]));
  const pieces = Array.from({ length: Math.ceil(text.length / PIECE_CHARACTERS) }, (_, index) =>
    text.slice(index * PIECE_CHARACTERS, (index + 1) * PIECE_CHARACTERS),
  );
  const values = [script, id, String(timerSlackFor(id)), hasEnvironment ? 'env' : '-', isCommand ? 'relay' : '-'];
  return [...shell(isCommand ? id : undefined), SESSION_SCRIPT, 'sh', LAUNCH_SCRIPT, 'sh', ...values, ...pieces];
}

/** The words for the agent that run CONTROL_SCRIPT. */
export function controlWords(what: string, pid: number, id: string): string[] {
  return [...shell(undefined), CONTROL_SCRIPT, 'sh', what, String(pid), id, String(timerSlackFor(id))];
}

/** With nothing of the agent's own environment. The path is one that no Windows has. */
function shell(tag: string | undefined): string[] {
  const variables = [`PATH=${GUEST_PATH}`, ...(tag === undefined ? [] : [`${TAG_VARIABLE}=${tag}`])];
  return ['/usr/bin/env', '-i', ...variables, '/bin/sh', '-c'];
}

/** A line for the standard input of LAUNCH_SCRIPT that exports variables; it is sent where no process list shows it. */
export function environmentLine(variables: ReadonlyMap<string, string>): Buffer {
  const exports = [...variables].map(([key, value]) =>
    Buffer.concat([Buffer.from('export'), quoted(`${key}=${value}`)]),
  );
  const lines = [...exports, Buffer.from(`${OK}=1`)].flatMap((line) => [line, Buffer.from('\n')]);
  return Buffer.from(`${asciiOf(Buffer.concat(lines))}\n`);
}

/** What LAUNCH_SCRIPT expects to be set at the end of that line. */
const OK = 'PROXMOX_LXCRI_S_ok';

function quoted(word: Word | typeof SCRIPT): Buffer {
  if (word === SCRIPT) return Buffer.from(' "$PROXMOX_LXCRI_S_run"');
  // Bytes, not text: latin1 keeps each as it is.
  const text = Buffer.from(word).toString('latin1').replaceAll("'", String.raw`'\''`);
  return Buffer.from(` '${text}'`, 'latin1');
}

/** Everything but plain characters as `~` and three octal digits, of which printf(1) makes bytes again. */
function asciiOf(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9_./:,@+-]/g, (character) => `~${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
