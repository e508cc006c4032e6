/** Reading from a socket piece by piece, so that what is not wanted yet stays in it. */
import type { Socket } from 'node:net';

/** What can be read next; undefined at the end, in whatever way it came. */
export function nextChunk(socket: Socket): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
      for (const event of ['readable', 'end', 'close']) socket.off(event, look);
      socket.off('error', ignore);
      resolve(chunk ?? undefined);
    };
    // An error is followed by the close.
    const ignore = (): void => {};
    for (const event of ['readable', 'end', 'close']) socket.on(event, look);
    socket.on('error', ignore);
    look();
  });
}
