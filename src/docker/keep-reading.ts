import type { Duplex } from 'node:stream';

/**
 * Lets a connection be read to its end although it can no longer be written to. The engine closes it as soon as a command
 * has ended, read its input or not; Node would then destroy it for the failed write, and with it the output that has
 * arrived and was not read.
 */
export function keepReading<Stream extends Duplex>(stream: Stream): Stream {
  const { _write: write, _writev: writev, _final: final } = stream;
  const state = { failed: false };
  const forgiving =
    (done: (error?: Error | null) => void): ((error?: Error | null) => void) =>
    (error) => {
      if (error) state.failed = true;
      done();
    };
  stream._write = (chunk, encoding, done) =>
    state.failed ? done() : write.call(stream, chunk, encoding, forgiving(done));
  if (writev !== undefined && writev !== null)
    stream._writev = (chunks, done) => (state.failed ? done() : writev.call(stream, chunks, forgiving(done)));
  stream._final = (done) => (state.failed ? done() : final.call(stream, forgiving(done)));
  return stream;
}
