import { expect } from 'chai';

import { commandStatus, wordsOf } from '../../src/kubernetes/status.ts';
import { exitStatus, failureStatus, SUCCESS } from './fake-server.ts';

describe('the status of a command', () => {
  it('is its exit code', () => {
    expect(commandStatus(SUCCESS)).to.deep.equal({ kind: 'exited', exitCode: 0 });
    for (const exitCode of [1, 42, 137, 255])
      expect(commandStatus(exitStatus(exitCode))).to.deep.equal({ kind: 'exited', exitCode });
  });

  it('is a failure where it is no exit code', () => {
    expect(commandStatus(failureStatus('no such thing'))).to.deep.equal({
      kind: 'failed',
      message: 'Internal error occurred: no such thing',
    });
    for (const message of ['0', '256', '-1', '1x', '', 7]) {
      const causes = [{ reason: 'ExitCode', message }];
      const text = JSON.stringify({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes } });
      expect(commandStatus(text)?.kind, text).to.equal('failed');
    }
  });

  for (const text of [
    '',
    ' ',
    '{}',
    'null',
    '[]',
    '"Success"',
    '{"status":',
    '{"status":"success"}',
    '{"status":null}',
  ])
    it(`is nothing that can be made out in ${JSON.stringify(text)}`, () => {
      expect(commandStatus(text)).to.equal(undefined);
    });

  it('is shown without what acts on a terminal', () => {
    expect(wordsOf({ status: 500, body: { message: 'a\u001b[31m\nb' } })).to.equal('a [31m b');
    expect(wordsOf({ status: 502, body: '' })).to.equal('status 502');
  });
});
