import { expect } from 'chai';

import { LxcriError } from '../../../src/model/errors.ts';
import { decodeRequest, encodeRequest } from '../../../src/oci/detached/handover.ts';
import type { DetachedRequest } from '../../../src/oci/detached/handover.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';

const CLOSED = new LxcriError('PermissionDenied', 'not root', 'become root');

describe('the handover to a supervisor', () => {
  const request: DetachedRequest = {
    id: '1',
    directory: '/nowhere',
    keepMs: 4,
    inventory: { lxcpaths: ['/a', '/b c'], pve: new NodeConfig('/pve'), closed: CLOSED },
    clusters: { context: 'home', stateDirectory: '/state' },
    environment: { SSH_AUTH_SOCK: '/a b', EMPTY: '' },
    target: 'lxc:web',
    command: ['sh', '', 'a\nb "é" \u2028', new Uint8Array([0xff, 0, 10])],
    options: {
      env: new Map([
        ['A', '1\n2'],
        ['B', ''],
      ]),
      workdir: '/srv',
      user: { user: 'www', group: '33' },
      privileged: true,
      timeoutMs: 1,
      killAfterMs: 2,
      maxOutputBytes: 3,
      methods: ['lxc-attach'],
      node: 'pve1',
    },
  };

  it('is one line, and comes out as it went in', () => {
    const line = encodeRequest(request);
    expect(line.indexOf('\n')).to.equal(line.length - 1);
    const { inventory, command, options, ...rest } = decodeRequest(line);
    expect([inventory.lxcpaths, inventory.pve.directory]).to.deep.equal([['/a', '/b c'], '/pve']);
    expect(inventory.closed?.toInfo()).to.deep.equal(CLOSED.toInfo());
    expect(command.map((word) => Buffer.from(word))).to.deep.equal(request.command.map((word) => Buffer.from(word)));
    expect([...(options.env ?? [])]).to.deep.equal([...(request.options.env ?? [])]);
    expect({ ...options, env: undefined }).to.deep.equal({ ...request.options, env: undefined });
    expect(rest).to.deep.equal({
      id: '1',
      directory: '/nowhere',
      keepMs: 4,
      clusters: { context: 'home', stateDirectory: '/state' },
      environment: { SSH_AUTH_SOCK: '/a b', EMPTY: '' },
      target: 'lxc:web',
    });
  });

  it('leaves out what was not asked for', () => {
    const { options } = decodeRequest(encodeRequest({ ...request, options: { maxOutputBytes: 1 } }));
    expect([options.env?.size, Object.keys(options)]).to.deep.equal([0, ['maxOutputBytes', 'env']]);
  });
});
