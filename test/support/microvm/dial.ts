/** The client's side of the hybrid protocol, as plain as can be: for waiting for a guest, and for tests of the doubles. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { nextChunk } from './chunk.ts';

/**
 * Connects with a port of a guest.
 *
 * @returns the connection; undefined when the other side ended it without `OK`, as it does for a port where nobody
 * listens. It is half-open: our end does not close when the guest's does.
 * @throws Error when nobody is at the socket, and when what comes is no answer of the protocol.
 */
export async function dialHybrid(hybridSocket: string, port: number): Promise<Socket | undefined> {
  const socket = connect({ path: hybridSocket, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(`CONNECT ${port}\n`);
  let answer = Buffer.alloc(0);
  while (!answer.includes('\n')) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const chunk = await nextChunk(socket);
    if (chunk === undefined) {
      socket.destroy();
      return undefined;
    }
    answer = Buffer.concat([answer, chunk]);
  }
  const end = answer.indexOf('\n') + 1;
  const line = answer.toString('latin1', 0, end);
  if (!/^OK \d+\n$/.test(line)) {
    socket.destroy();
    throw new Error(`${hybridSocket} answered ${JSON.stringify(line)}`);
  }
  if (end < answer.length) socket.unshift(answer.subarray(end));
  return socket;
}
