import { expect } from 'chai';

import { isLxcriError } from '../../../src/model/errors.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import { dataOf } from '../../../src/proxmox/api/answer.ts';

function failure(status: number, reason: string, body = ''): LxcriError {
  try {
    dataOf({ status, reason, body }, 'GET /x');
  } catch (error) {
    if (isLxcriError(error)) return error;
    throw error;
  }
  throw new Error('no failure');
}

describe('dataOf', () => {
  it('gives the data of an answer', () => {
    expect(dataOf({ status: 200, reason: 'OK', body: '{"data":[1]}' }, 'GET /x')).to.deep.equal([1]);
    expect(dataOf({ status: 200, reason: 'OK', body: '{"data":null}' }, 'GET /x')).to.equal(null);
  });

  it('maps statuses and words to errors', () => {
    const json = (message: string): string => JSON.stringify({ data: null, message });
    const cases: [number, string, string, LxcriError['code'], RegExp][] = [
      [401, 'No ticket', '', 'AuthenticationFailed', /No ticket/],
      [403, 'x', json('Permission check failed (/vms/101, VM.Console)\n'), 'PermissionDenied', /VM.Console\)$/],
      [403, 'Permission check failed', '', 'PermissionDenied', /Permission check failed/],
      [500, "Configuration file 'nodes/a/lxc/9.conf' does not exist", '', 'ContainerNotFound', /9\.conf/],
      [500, 'x', json("no such cluster node 'pve9'\n"), 'PlatformUnreachable', /no node "pve9"/],
      [500, 'x', json('CT is locked (backup)\n'), 'ContainerLocked', /locked/],
      [500, 'CT 101 already running', '', 'OperationFailed', /^GET \/x: CT 101 already running$/],
      [501, "Method 'GET /x' not implemented", '', 'OperationFailed', /not implemented/],
      [595, 'Connection refused', '', 'PlatformUnreachable', /595 Connection refused/],
      [596, 'Connection timed out', '', 'PlatformUnreachable', /596/],
      [599, 'Too many redirections', '', 'PlatformUnreachable', /599/],
      [404, 'Not Found', '<html>', 'PlatformUnreachable', /404/],
      [503, 'Service Unavailable', '', 'PlatformUnreachable', /503/],
      [418, '', '', 'OperationFailed', /status 418/],
      [200, 'OK', 'null', 'PlatformUnreachable', /not JSON/],
      [200, 'OK', '', 'PlatformUnreachable', /not JSON/],
    ];
    for (const [status, reason, body, code, says] of cases) {
      const error = failure(status, reason, body);
      expect({ status, reason, code: error.code }).to.deep.equal({ status, reason, code });
      expect(error.message).to.match(says);
    }
  });

  it('says on one line what was wrong with each parameter', () => {
    const body = JSON.stringify({ message: 'Parameter verification failed.\n', errors: { vmid: 'too\nlong\n', x: 1 } });
    expect(failure(400, 'Parameter verification failed.', body).message).to.equal(
      'GET /x: Parameter verification failed.; vmid: too; long; x: 1',
    );
  });
});
