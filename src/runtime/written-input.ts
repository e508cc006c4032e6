import { Writable } from 'node:stream';

import type { PipedInput } from './piped-input.ts';

/** A standard input that a program writes. */
export interface WrittenInput extends PipedInput {
  /** What it writes to. The callback of a write comes when the bytes are on their way: their buffer is free then. */
  readonly stream: Writable;
}

/** What may wait here for the command, and goes to it at once when the write before it has gone. */
const BUFFER_BYTES = 256 * 1024;

type Done = (error?: Error | null) => void;

/**
 * Makes a standard input that is written to. It fails with nothing: what a command does not take, the callbacks of its
 * writes tell.
 *
 * @param onBroken called at most once, when it is destroyed before its end, so that it is not the whole input.
 */
export function writtenInput(onBroken: () => void): WrittenInput {
  let target: Writable | undefined;
  /** What is done next, once the command has started. */
  let waiting: ((to: Writable) => void) | undefined;
  let pending: Done | undefined;
  let isOver = false;

  const settle = (error?: Error | null): void => {
    const done = pending;
    pending = undefined;
    done?.(error);
  };
  const begin = (step: (to: Writable) => void, done: Done): void => {
    pending = done;
    if (target === undefined) waiting = step;
    else step(target);
  };
  const over = (error: Error): void => {
    isOver = true;
    // First, for its reason; an error of the stream itself would end a program that does not listen for it.
    stream.destroy();
    settle(error);
  };
  const end = (): void => over(notTaken());
  const taken = (error?: Error | null): void => (error ? over(error) : settle());
  const pass = (chunks: readonly Buffer[], done: Done): void => {
    const some = chunks.filter(({ length }) => length > 0);
    if (some.length === 0) return done();
    begin((to) => {
      to.cork();
      for (const [index, chunk] of some.entries()) to.write(chunk, index + 1 === some.length ? taken : undefined);
      to.uncork();
    }, done);
  };

  const stream = new Writable({
    highWaterMark: BUFFER_BYTES,
    write: (chunk: Buffer, _encoding, done) => pass([chunk], done),
    writev: (chunks, done) =>
      pass(
        chunks.map(({ chunk }) => chunk as Buffer),
        done,
      ),
    final: (done) => begin((to) => void to.end(taken), done),
    destroy: (error, done) => {
      done(error);
      // Who has given it the bytes is told by `over`; where the program itself destroys it, nobody else would.
      if (!isOver) settle(error ?? notTaken());
    },
  });
  stream.on('error', () => {});
  stream.on('close', () => {
    if (isOver || stream.writableFinished) return;
    isOver = true;
    onBroken();
  });
  const feed = (to: Writable): (() => void) => {
    target = to;
    // The command may close its input, or end, at any time.
    to.once('close', end);
    const step = waiting;
    waiting = undefined;
    step?.(to);
    return end;
  };
  return { stream, feed, end };
}

function notTaken(): Error {
  return new Error('the command takes no more input');
}
