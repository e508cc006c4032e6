import type { Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';

import type { StdioTarget } from '../model/request.ts';
import { pump } from './pump.ts';
import type { Pump, Sink } from './pump.ts';

/**
 * Where the command's standard input comes from. A descriptor is handed over where the method can, else its stream is
 * read. With `feed` the command gets a pipe: it is called with our end of it, and returns what stops it.
 */
export type Input = 'none' | { fd: number; stream: () => Readable } | { feed: (target: Writable) => () => void };

/**
 * Where an output stream of the command goes. A descriptor is handed over where the method can, unless it is `held`:
 * then the command writes to a pipe of ours, and what it leaves running cannot keep the descriptor open.
 * With `pump`, it is moved by what that makes of our end of its pipe.
 */
export type Output =
  | 'capture'
  | 'ignore'
  | { fd: number; stream: () => Writable; held?: boolean }
  | { sink: Sink }
  | { pump: (source: Readable) => Pump };

/** What a method is asked to give the command as its standard input. */
export function sourceOf(input: Input): StdioTarget {
  if (input === 'none') return { kind: 'null' };
  return 'fd' in input ? { kind: 'descriptor', fd: input.fd } : { kind: 'pipe' };
}

/** What a method is asked to give the command as an output stream. */
export function targetOf(output: Output): StdioTarget {
  if (output === 'ignore') return { kind: 'null' };
  return output !== 'capture' && 'fd' in output && output.held !== true
    ? { kind: 'descriptor', fd: output.fd }
    : { kind: 'pipe' };
}

/**
 * Moves what the command writes to where it is to go; `undefined` where the command has our own descriptor.
 *
 * @param capture takes what is captured.
 * @param unwritten is told when output cannot be written here.
 */
export function outputPump(
  source: Readable | null,
  output: Output,
  capture: Sink,
  unwritten: (error: NodeJS.ErrnoException) => void,
): Pump | undefined {
  if (source === null) return undefined;
  if (output === 'capture') return pump(source, capture);
  if (output === 'ignore') return pump(source, () => {});
  if ('sink' in output) return pump(source, output.sink);
  if ('pump' in output) return output.pump(source);
  let target: Writable | undefined;
  let failed: Error | undefined;
  return pump(source, (chunk) => {
    // Most commands write to one of the two at most, and Node makes a stream in a millisecond.
    target ??= output.stream().on('error', (error) => (failed = error));
    if (failed !== undefined) return Promise.reject(failed);
    const writable = target;
    return new Promise((resolve, reject) => {
      writable.write(chunk, (error: NodeJS.ErrnoException | null | undefined) => {
        if (error === null || error === undefined) return resolve();
        // Who closes a pipe wants no more of it.
        if (error.code !== 'EPIPE') unwritten(error);
        reject(error);
      });
    });
  });
}

/** What is told of an input that is moved by us. */
interface InputEvents {
  /** It has ended; of a terminal, maybe because that is gone. */
  readonly end: () => void;
  /** The rest of it cannot be read. */
  readonly error: (error: NodeJS.ErrnoException) => void;
}

/** Feeds the command's standard input; returns what stops it. */
export function feed(target: Writable | null, input: Input, events: InputEvents): () => void {
  if (target === null) return () => {};
  // The command may close its input, or end, at any time.
  target.on('error', () => {});
  if (input === 'none') {
    target.end();
    // A terminal is told for as long as the command runs.
    return () => void target.destroy();
  }
  if ('feed' in input) {
    const stop = input.feed(target);
    return () => {
      stop();
      target.destroy();
    };
  }
  const source = input.stream();
  const isTerminal = isatty(input.fd);
  const onError = (error: NodeJS.ErrnoException): void => {
    if (!isTerminal) return events.error(error);
    // One that is gone fails to be read, too.
    target.end();
    events.end();
  };
  source.on('error', () => {});
  source.on('end', events.end).on('error', onError);
  source.pipe(target);
  return () => {
    source.off('end', events.end).off('error', onError);
    source.unpipe(target);
    source.pause();
    target.destroy();
  };
}
