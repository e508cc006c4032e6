/** Passing a request on to the node that has to answer it, as pveproxy does. */
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { fingerprintOf } from './certificates.ts';
import type { RawParameters } from './form.ts';
import type { NodeState } from './node-state.ts';
import type { ClusterState } from './state.ts';
import type { Head, Reply } from './wire.ts';

/** No way to the other node, by the phase it failed in: 595 connecting, 596 TLS and the request. Never with a body. */
function unreachable(status: 595 | 596, reason: string): Reply {
  return { status, reason };
}

/** Only a node with the certificate that is known of it is spoken to. */
export function forward(
  cluster: ClusterState,
  target: NodeState,
  head: Head,
  credentials: Readonly<Record<string, string>>,
  parameters: RawParameters,
): Promise<Reply> {
  const withBody = head.method === 'POST' || head.method === 'PUT';
  const body = withBody ? new URLSearchParams(parameters).toString() : '';
  const form = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': String(body.length) };
  const gzip = head.headers.get('accept-encoding');
  const headers = {
    ...credentials,
    ...(withBody ? form : {}),
    ...(gzip === undefined ? {} : { 'Accept-Encoding': gzip }),
    PVEDisableProxy: 'true',
    Connection: 'close',
  };
  const path = withBody ? (head.target.split('?')[0] ?? '') : head.target;
  const where = { host: '127.0.0.1', port: target.wire.port, path, method: head.method, agent: false } as const;
  return new Promise((resolve) => {
    const outgoing = request({ ...where, headers, rejectUnauthorized: false });
    const fail = (reply: Reply): void => {
      resolve(reply);
      outgoing.destroy();
    };
    const timeout = cluster.settings.forwardMs;
    outgoing.setTimeout(timeout, () => fail(unreachable(596, 'Connection timed out')));
    outgoing.on('socket', (socket) => {
      socket.on('secureConnect', () => {
        const { raw } = (socket as TLSSocket).getPeerCertificate();
        if (fingerprintOf(raw) === target.certificate.fingerprint) return;
        fail(unreachable(596, 'tls_process_server_certificate: certificate verify failed'));
      });
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      fail(error.code === 'ECONNREFUSED' ? unreachable(595, 'Connection refused') : unreachable(596, 'Broken pipe')),
    );
    outgoing.on(
      'response',
      (response) => void collect(response).then(resolve, () => fail(unreachable(596, 'Broken pipe'))),
    );
    outgoing.end(body);
  });
}

async function collect(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const passedOn = ['content-type', 'content-encoding'].flatMap((name) => {
    const value = response.headers[name];
    return typeof value === 'string' ? [[titleCase(name), value] as const] : [];
  });
  return {
    status: response.statusCode ?? 599,
    reason: response.statusMessage ?? '',
    headers: [['Connection', 'close'], ...passedOn],
    body: Buffer.concat(chunks),
  };
}

function titleCase(name: string): string {
  return name.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase());
}
