import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { expect } from 'chai';

import { dial } from '../../src/docker/dial.ts';
import { unreachable } from '../../src/docker/unreachable.ts';

describe('an engine that cannot be connected to', () => {
  it('is said not to speak TLS where it does not', async () => {
    const server = createServer((socket) =>
      socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const tls = { ca: undefined, cert: undefined, key: undefined };
    try {
      const error: unknown = await dial({ kind: 'tcp', host: '127.0.0.1', port, tls }, {}).catch((reason) => reason);
      expect(error).to.include({
        code: 'PlatformUnreachable',
        message: `what listens at tcp://127.0.0.1:${port} does not speak TLS`,
      });
    } finally {
      server.close();
    }
  });

  it('has no words of OpenSSL that say nothing', () => {
    const raw =
      '80A8:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../deps/ssl/x.c:1605:SSL alert\n';
    expect(unreachable({ kind: 'unix', path: '/s' }, new Error(raw)).message).to.equal(
      'the Docker engine at unix:///s cannot be reached: tlsv1 alert unknown ca',
    );
  });
});
