/** A TLS server that says what a test wants, byte by byte: for answers that no server of Proxmox gives. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { createAuthority } from './pve/api/certificates.ts';

export interface TlsServer {
  readonly port: number;
  /** SHA-256 of its certificate. */
  readonly fingerprint: string;
  readonly caFile: string;
  /** The heads and bodies of all requests, as they came. */
  readonly requests: string[];
  /** Connections whose handshake was completed. */
  connections(): number;
  close(): Promise<void>;
}

/**
 * @param answer gets each request; how many came before it on all connections is `index`.
 * @param address its certificate is for 127.0.0.1, whatever this is.
 */
export async function openTlsServer(
  answer: (socket: TLSSocket, index: number) => unknown,
  address = '127.0.0.1',
): Promise<TlsServer> {
  const authority = await createAuthority();
  const { cert, key, fingerprint } = await authority.issue('pve1');
  const requests: string[] = [];
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  const server = createServer({ cert, key }, (socket) => {
    connections += 1;
    sockets.add(socket);
    let text = '';
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (let end = endOfRequest(text); end !== undefined; end = endOfRequest(text)) {
        requests.push(text.slice(0, end));
        text = text.slice(end);
        answer(socket, requests.length - 1);
      }
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    fingerprint,
    caFile: authority.caFile,
    requests,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An answer with a body and its length, after which the connection stays open. */
export function httpAnswer(status: string, body: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function endOfRequest(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head === -1) return undefined;
  const length = Number(/^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return text.length >= end ? end : undefined;
}
