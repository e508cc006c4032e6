/** One request to the double, byte by byte, and what came back. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import type { Host } from '../pve/api/cluster.ts';

export interface RawAnswer {
  statusLine: string;
  headers: [string, string][];
  body: string;
  milliseconds: number;
}

/** A connection that trusts the cluster's own authority only. */
export async function connectTo({ port, caFile }: Host): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: readFileSync(caFile) });
  await once(socket, 'secureConnect');
  // Where the server has more to say than is read, the end is a reset: `close` tells of it.
  socket.on('error', () => {});
  return socket;
}

/** The body's length is added where there is a body and no other way to tell its end. */
export async function exchange(host: Host, head: readonly string[], body = ''): Promise<RawAnswer> {
  const socket = await connectTo(host);
  try {
    return await exchangeOn(socket, head, body);
  } finally {
    socket.destroy();
  }
}

export async function exchangeOn(socket: TLSSocket, head: readonly string[], body = ''): Promise<RawAnswer> {
  const started = performance.now();
  const framed = body === '' || head.some((line) => /^transfer-encoding:/i.test(line));
  const lines = [...head, ...(framed ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]), '', body];
  socket.write(lines.join('\r\n'));
  let received = Buffer.alloc(0);
  const complete = (): boolean => {
    const end = received.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const text = received.subarray(0, end).toString();
    if (text.startsWith('HTTP/1.1 101')) return true;
    const length = /^content-length: (\d+)/im.exec(text)?.[1];
    return length !== undefined && received.length >= end + 4 + Number(length);
  };
  await new Promise<void>((resolve) => {
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      if (complete()) done();
    };
    const done = (): void => {
      socket.off('data', onData).off('close', done).off('end', done);
      resolve();
    };
    socket.on('data', onData).on('close', done).on('end', done);
  });
  const [top = '', ...rest] = received.toString('latin1').split('\r\n\r\n');
  const [statusLine = '', ...headers] = top.split('\r\n');
  return {
    statusLine,
    headers: headers.map((line) => line.split(/: (.*)/, 2) as [string, string]),
    body: rest.join('\r\n\r\n'),
    milliseconds: performance.now() - started,
  };
}
