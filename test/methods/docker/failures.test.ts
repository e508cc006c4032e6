import { expect } from 'chai';

import { refusedExecution, startFailure } from '../../../src/methods/docker/failures.ts';
import type { EngineAnswer } from '../../../src/model/engine.ts';
import { isLxcriError } from '../../../src/model/errors.ts';
import type { ExecRequest } from '../../../src/model/request.ts';
import { requestOf } from '../../oci/requests.ts';

const REQUEST = requestOf({ command: ['prog', 'word'], workdir: '/srv', user: { user: 'web', group: 'team' } });

function told(error: Error): string {
  return `${isLxcriError(error) ? error.code : error.name}: ${error.message}`;
}

const RUNC = 'OCI runtime exec failed: exec failed: unable to start container process: ';

describe('why a command in Docker did not start', () => {
  // What dockerd 20.10 and 28 with runc 1.1, and podman 4.3 with runc and crun, have said.
  const said: readonly (readonly [string, string])[] = [
    [`${RUNC}exec: "prog": executable file not found in $PATH: unknown\r\n`, 'CommandNotFound: no command "prog"'],
    [`${RUNC}exec: "/x/prog": stat /x/prog: no such file or directory: unknown`, 'CommandNotFound: no command "prog"'],
    ['crun: executable file `prog` not found in $PATH: No such file or directory', 'CommandNotFound: no command'],
    [`${RUNC}exec: "/etc/passwd": permission denied: unknown`, 'CommandNotExecutable: "prog" cannot be executed'],
    [`${RUNC}exec: "/etc": is a directory: unknown`, 'CommandNotExecutable: "prog" cannot be executed'],
    [`${RUNC}exec /x: exec format error: unknown`, 'CommandNotExecutable: "prog" cannot be executed'],
    [`${RUNC}exec /bin/true: argument list too long: unknown`, 'UsageError: the command and its environment'],
    [
      `${RUNC}chdir to cwd ("/srv") set in config.json failed: no such file or directory: unknown`,
      'WorkdirNotFound: no directory "/srv" in the container',
    ],
    [
      `${RUNC}chdir to cwd ("/srv") set in config.json failed: permission denied: unknown`,
      'WorkdirNotFound: the user may not enter "/srv"',
    ],
    [`${RUNC}cannot exec in a stopped container: unknown`, 'ContainerNotRunning: the container has ended'],
    ['Container 0123456789ab is not running', 'ContainerNotRunning: the container has ended'],
    [
      `${RUNC}exec: "not running": executable file not found in $PATH: unknown`,
      'CommandNotFound: no command "prog" in the container',
    ],
    ['unable to find user web: no matching entries in passwd file', 'UserNotFound: no user "web" in the container'],
    ['unable to find group team: no matching entries in group file', 'UserNotFound: no group "team" in the container'],
    ['something \u001b[31mnew', 'NotStartedError: the engine could not start the command: something  [31mnew'],
    ['', 'NotStartedError: the engine could not start the command: it does not say why'],
  ];
  for (const [words, meaning] of said) {
    it(`is told from ${JSON.stringify(words.replace(RUNC, ''))}`, () => {
      expect(told(startFailure(words, REQUEST)).replaceAll('  ', ' ')).to.include(meaning.replaceAll('  ', ' '));
    });
  }
});

describe('why a shell in Docker did not start', () => {
  it('is said of the shell, and of no command without a name', () => {
    const shell: ExecRequest = { ...REQUEST, command: [] };
    const missing = startFailure(`${RUNC}exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown`, shell);
    expect(told(missing)).to.equal('CommandNotFound: there is no shell in the container');
    expect(told(startFailure(`${RUNC}exec: "/bin/sh": permission denied: unknown`, shell))).to.equal(
      'CommandNotExecutable: the shell cannot be executed in the container',
    );
  });
});

describe('what an engine refuses to start', () => {
  const refusal = (status: number, message: string): Error => {
    const answer: EngineAnswer = { status, body: { message }, bytes: Buffer.alloc(0) };
    return refusedExecution(answer, { id: 'abc', name: 'web', platform: 'docker' });
  };

  it('is told by the state of the container', () => {
    expect(told(refusal(404, 'No such container: abc'))).to.match(/^ContainerNotFound: container web is not there any/);
    expect(told(refusal(409, 'Container abc is paused, unpause the container before exec'))).to.equal(
      'ContainerFrozen: container web is paused',
    );
    expect(told(refusal(409, 'Container abc is restarting, wait until the container is running'))).to.equal(
      'ContainerNotRunning: container web is restarting',
    );
    expect(told(refusal(409, 'Container abc is not running'))).to.equal(
      'ContainerNotRunning: container web is not running',
    );
    // Podman.
    expect(
      told(refusal(409, 'can only create exec sessions on running containers: container state improper')),
    ).to.equal('ContainerNotRunning: container web is not running');
  });

  it('lets another method try, where nothing is known against it', () => {
    expect(told(refusal(500, 'no space left on device'))).to.equal(
      'NotStartedError: the engine refuses: no space left on device',
    );
  });
});
