import { expect } from 'chai';

import { launchFailure } from '../../../src/methods/agent/failures.ts';
import type { ErrorCode } from '../../../src/model/errors.ts';
import { LxcriError } from '../../../src/model/errors.ts';

const GUEST = 'virtual machine 200';

function failure(said: string, code: ErrorCode = 'OperationFailed') {
  return launchFailure(new LxcriError(code, `POST /nodes/pve1/qemu/200/agent/exec: ${said}`), GUEST, '200');
}

describe('what a failed start by a guest agent means', () => {
  it('is unclear where the command may have started', () => {
    for (const said of [
      "VM 200 qmp command 'guest-exec' failed - got timeout",
      "Agent error: can't execute command (sh ARRAY(0x55d0c8))",
      'something that no version is known to say',
    ])
      expect(failure(said), said).to.deep.include({ kind: 'unclear' });
    expect(failure('lost', 'ConnectionLost').kind).to.equal('unclear');
  });

  it('is a refusal where the server looked before', () => {
    const refusals: [string, ErrorCode, RegExp][] = [
      ['No QEMU guest agent configured', 'NoMethodAvailable', /not enabled.*virtual machine 200/],
      ['QEMU guest agent is not running', 'NoMethodAvailable', /does not run in virtual machine 200/],
      ['VM 200 is not running', 'ContainerNotRunning', /is not running/],
      [
        'Agent error: Command guest-exec has been disabled: the command is not allowed',
        'NoMethodAvailable',
        /not allowed/,
      ],
      ['Agent error: The command guest-exec has been disabled for this instance', 'NoMethodAvailable', /disabled/],
      [
        'Parameter verification failed.; input-data: value may only be 65536 characters long',
        'OperationFailed',
        /65536/,
      ],
    ];
    for (const [said, code, message] of refusals) {
      const found = failure(said);
      if (found.kind !== 'refused') throw new Error(`${said}: ${found.kind}`);
      expect(found.error.code, said).to.equal(code);
      expect(found.error.message).to.match(message);
    }
  });

  it('names the guest by its number in what enables the agent', () => {
    const found = failure('No QEMU guest agent configured');
    expect('error' in found && found.error.hint).to.include('qm set 200 --agent 1');
  });

  it('is passed on where the server did not let us, or could not be asked', () => {
    for (const code of ['PermissionDenied', 'PlatformUnreachable', 'AuthenticationFailed'] as const)
      expect(failure('why', code)).to.deep.include({ kind: 'refused' });
  });

  it('tells a program that is not there', () => {
    const [older, newer] = [
      "Agent error: Guest agent command failed, error was 'Failed to execute child process “x” (No such file or directory)'",
      'Agent error: Failed to execute child process “x” (No such file or directory)',
    ].map((said) => failure(said));
    expect([older?.kind, newer?.kind]).to.deep.equal(['no-program', 'no-program']);
  });
});
