import type { Duplex } from 'node:stream';

/**
 * Lets a connection be read to its end although it can no longer be written to. The engine closes it as soon as a command
 * has ended, read its input or not; Node would then destroy it for the failed write, and with it the output that has
 * arrived and was not read.
 */
export function keepReading<Stream extends Duplex>(stream: Stream): Stream {
  // These are what Node has for whoever implements a stream.
  /* oxlint-disable no-underscore-dangle */
  const write = stream._write.bind(stream);
  const writev = stream._writev?.bind(stream);
  const final = stream._final.bind(stream);
  const state = { failed: false };
  const forgiving =
    (done: (error?: Error | null) => void): ((error?: Error | null) => void) =>
    (error) => {
      if (error) state.failed = true;
      done();
    };
  stream._write = (chunk, encoding, done) => (state.failed ? done() : write(chunk, encoding, forgiving(done)));
  if (writev !== undefined)
    stream._writev = (chunks, done) => (state.failed ? done() : writev(chunks, forgiving(done)));
  stream._final = (done) => (state.failed ? done() : final(forgiving(done)));
  /* oxlint-enable no-underscore-dangle */
  return stream;
}
