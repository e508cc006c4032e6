import { expect } from 'chai';

import { isLxcriError } from '../../../src/model/errors.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import { dataOf } from '../../../src/proxmox/api/answer.ts';
import type { Answer } from '../../../src/proxmox/api/answer.ts';

const anything = (value: unknown): unknown => value;

function read(answer: Answer, method = 'GET'): unknown {
  return dataOf(answer, anything, { what: `${method} /x`, server: 'pve1:8006', isRepeatable: method === 'GET' });
}

function failure(status: number, reason: string, body = '', method = 'GET'): LxcriError {
  try {
    read({ status, reason, body }, method);
  } catch (error) {
    if (isLxcriError(error)) return error;
    throw error;
  }
  throw new Error('no failure');
}

describe('dataOf', () => {
  it('gives the data of an answer', () => {
    expect(read({ status: 200, reason: 'OK', body: '{"data":[1]}' })).to.deep.equal([1]);
    expect(read({ status: 200, reason: 'OK', body: '{"data":null}' })).to.equal(null);
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
    const body = JSON.stringify({
      message: 'Parameter verification failed.\n',
      errors: { vmid: 'too\nlong\n', x: '1' },
    });
    expect(failure(400, 'Parameter verification failed.', body).message).to.equal(
      'GET /x: Parameter verification failed.; vmid: too; long; x: 1',
    );
  });

  it('says that it is lost what a change came to, where the answer does not tell', () => {
    const cases: [number, string, string, LxcriError['code']][] = [
      [200, 'OK', '<html>', 'ConnectionLost'],
      [200, 'OK', 'null', 'ConnectionLost'],
      [204, 'No Content', '', 'ConnectionLost'],
      [500, 'Internal Server Error', '<html>', 'ConnectionLost'],
      [502, 'Bad Gateway', '<html>', 'ConnectionLost'],
      [504, 'Gateway Timeout', '', 'ConnectionLost'],
      [596, 'Connection timed out', '', 'ConnectionLost'],
      [597, 'broken', '', 'ConnectionLost'],
      // Here nothing was done.
      [595, 'Connection refused', '', 'PlatformUnreachable'],
      [596, 'tls_process_server_certificate: certificate verify failed', '', 'PlatformUnreachable'],
      [301, 'Moved Permanently', '', 'PlatformUnreachable'],
      [404, 'Not Found', '<html>', 'PlatformUnreachable'],
      [401, 'No ticket', '', 'AuthenticationFailed'],
      [500, 'CT 101 already running', '', 'OperationFailed'],
      [501, 'not implemented', 'plain', 'OperationFailed'],
    ];
    for (const [status, reason, body, code] of cases) {
      const error = failure(status, reason, body, 'POST');
      expect({ status, reason, code: error.code }).to.deep.equal({ status, reason, code });
      expect(error.message).to.include('POST /x');
    }
  });

  it('cuts what nobody reads, and is not held up by it', () => {
    for (const message of ['x'.repeat(1_000_000), `${' '.repeat(5_000_000)}x`, '\n '.repeat(1_000_000)]) {
      const said = failure(500, 'the reason', JSON.stringify({ message })).message;
      expect(said.length).to.be.within(10, 1100);
    }
    const errors = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key${index}`, 'x'.repeat(1000)]));
    expect(failure(400, 'x', JSON.stringify({ errors })).message.length).to.be.lessThan(1100);
    expect(failure(500, 'x'.repeat(8000)).message.length).to.be.lessThan(1100);
  });

  it('takes words only for words', () => {
    const shapes: unknown[] = [[null, 1], null, 5, 'text', { a: null, b: { toString: 1 }, c: ['x'] }];
    for (const errors of shapes)
      expect(failure(400, 'wrong', JSON.stringify({ message: { toString: 1 }, errors })).message).to.equal(
        'GET /x: wrong',
      );
    expect(failure(400, 'wrong', '[null]').message).to.equal('GET /x: wrong');
    expect(failure(500, 'the reason', '{"message":"\\n\\n"}').message).to.equal('GET /x: the reason');
  });
});
