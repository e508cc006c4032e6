import { expect } from 'chai';

import { RUN_MESSAGES } from '../../../src/methods/attach/container-script.ts';
import { NoShellError, attachFailure, notStarted, refusal } from '../../../src/methods/attach/failures.ts';
import { NotStartedError } from '../../../src/methods/method.ts';
import { LxcriError } from '../../../src/model/errors.ts';
import { requestOf } from '../../oci/requests.ts';

const REQUEST = requestOf({ command: ['no\nsuch', 'x'], workdir: '/no where' });

describe('why a command was not started', () => {
  it('is said for every message of the script but "started"', () => {
    const codes = RUN_MESSAGES.filter((message) => message !== 'started').map((message) => {
      const error = refusal(message, REQUEST);
      return [message, error instanceof LxcriError ? error.code : error.name];
    });
    expect(Object.fromEntries(codes)).to.deep.equal({
      'not-found': 'CommandNotFound',
      'not-executable': 'CommandNotExecutable',
      'workdir-missing': 'WorkdirNotFound',
      'workdir-denied': 'WorkdirNotFound',
      'env-refused': 'UsageError',
    });
  });

  it('names the word or the directory, quoted', () => {
    expect(refusal('not-found', REQUEST).message).to.include('"no\\nsuch"');
    expect(refusal('workdir-missing', REQUEST).message).to.include('"/no where"');
    expect(refusal('not-found', requestOf({ command: [Buffer.from([0xff])] })).message).to.include('"\uFFFD"');
  });

  it('lets another method try where the answer is not understood', () => {
    for (const message of ['', 'startedx', 'hello', '\u001b[31m']) {
      const error = refusal(message, REQUEST);
      expect(error).to.be.an.instanceOf(NotStartedError);
      expect(error.message).not.to.include('\u001b');
    }
  });

  it('is a missing shell where the program says so, else the program itself', () => {
    for (const code of [126, 127]) expect(notStarted(code)).to.be.an.instanceOf(NoShellError);
    for (const code of [1, 255, 0, null]) expect(notStarted(code)).to.be.an.instanceOf(NotStartedError);
  });
});

describe('the log of lxc-attach', () => {
  const line = (text: string): string =>
    `lxc-attach web 20260101000000.000 ERROR    attach - ../src/lxc/attach.c:lxc_attach_run_command:1841 - ${text}\n`;

  it('says why there was no command', () => {
    const codeOf = (text: string) => attachFailure(line(text), 255, REQUEST)?.code;
    expect(codeOf('No such file or directory - Failed to exec "nosuch"')).to.equal('CommandNotFound');
    expect(codeOf('Permission denied - Failed to exec "/etc"')).to.equal('CommandNotExecutable');
    expect(codeOf('Exec format error - Failed to exec "/x"')).to.equal('CommandNotExecutable');
    expect(codeOf('Failed to get init pid')).to.equal('ContainerNotRunning');
    expect(codeOf('Failed to get attach context')).to.equal('ContainerNotRunning');
  });

  it('says nothing of a command that ran, whatever its exit code', () => {
    for (const code of [0, 1, 255]) expect(attachFailure('', code, REQUEST)).to.equal(undefined);
    expect(attachFailure(line('something of no weight'), 7, REQUEST)).to.equal(undefined);
  });

  it('says what else kept lxc-attach from it', () => {
    const failed = attachFailure(line('Failed to switch to uid'), 1, requestOf({ user: { user: '5', group: '5' } }));
    expect(failed).to.have.property('code', 'UserNotFound');
    expect(failed?.message).to.include('Failed to switch to uid');
    expect(attachFailure(line('Failed to do it'), 1, REQUEST)).to.have.property('code', 'NoMethodAvailable');
  });
});
