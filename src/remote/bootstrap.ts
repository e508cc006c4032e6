import { randomBytes } from 'node:crypto';

import { DEFAULT_NS, VALUES } from '../process/timer-slack.ts';
import { TAG_VARIABLE } from '../process/tree.ts';
import { SILENCE_SECONDS } from './connection.ts';
import { WINDOW } from './frames.ts';
import { PROGRAM } from './program.ts';

/** How our program gets to run on a node. */
export interface Bootstrap {
  /** For a shell there, whichever it is: bourne's, fish and csh read it alike. It reads the program, and becomes it. */
  readonly command: string;
  /** What it says once it runs. */
  readonly nonce: string;
  /** To be written to its standard input first. */
  readonly program: Buffer;
}

/** What is different on a terminal. */
export interface OnTerminal {
  /** What perl says, on a line of its own, when it can be given the program: letters, digits and dashes. */
  readonly ready: string;
  /** See `Channel.seal`; letters and digits. */
  readonly seal: string;
}

/**
 * What is needed to run our program on a node without writing it to a disk there, or to a command line.
 *
 * @param silenceSeconds after how long without a frame it ends what it runs for us.
 */
export function bootstrap(silenceSeconds = SILENCE_SECONDS, onTerminal?: OnTerminal): Bootstrap {
  const nonce = `proxmox-lxcri-${randomBytes(16).toString('hex')}`;
  const settings = `my ($NONCE, $SEAL, $WINDOW, $SILENCE, $TAG, $SLACK_FLOOR, $SLACK_VALUES) = ('${nonce}', '${onTerminal?.seal ?? ''}', ${WINDOW}, ${silenceSeconds}, '${TAG_VARIABLE}', ${DEFAULT_NS + 1}, ${VALUES});\n`;
  // There, what goes wrong would be written between the frames.
  const quiet = onTerminal === undefined ? '' : "open STDERR, '>', '/dev/null';\n";
  const program = Buffer.from(quiet + settings + PROGRAM);
  const loader = `$p="";while(length $p<${program.length}){sysread(STDIN,$p,${program.length}-length $p,length $p)or exit 1}eval $p;die $@ if $@`;
  return {
    command: `perl -e '${onTerminal === undefined ? '' : sayReady(onTerminal.ready)}${loader}'`,
    nonce,
    program,
  };
}

/** In two parts, so that the echo of the command is not taken for it. */
function sayReady(ready: string): string {
  const middle = Math.floor(ready.length / 2);
  return `syswrite STDOUT,"\\n${ready.slice(0, middle)}"."${ready.slice(middle)}\\n";`;
}
