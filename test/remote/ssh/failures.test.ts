/** What is made of ssh's own words. */
import { expect } from 'chai';

import type { SshTarget } from '../../../src/model/container.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import { NoAnswerError } from '../../../src/remote/connection.ts';
import { connectFailure, sshWords } from '../../../src/remote/ssh/failures.ts';

const CHANGED = `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
SHA256:q1w2e3.
Please contact your system administrator.
Add correct host key in /home/u/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /home/u/.ssh/known_hosts:7
  remove with:
  ssh-keygen -f "/home/u/.ssh/known_hosts" -R "pve2"
Host key for pve2 has changed and you have requested strict checking.
Host key verification failed.
`;

describe('a login that failed', () => {
  const target: SshTarget = { destination: 'pve2', options: [], sudo: false };
  const ofCluster = {
    destination: 'root@192.0.2.2',
    options: ['-o', 'HostKeyAlias=pve2', '-o', 'UserKnownHostsFile=/etc/pve/nodes/pve2/ssh_known_hosts'],
    sudo: false,
  };
  const failureOf = (code: number | null, stderr: string, to = target, greeting = ''): LxcriError =>
    connectFailure(new NoAnswerError({ code, said: sshWords(stderr) }, greeting), 'pve2', to, 30_000);

  for (const [what, error, code, message, hint] of [
    [
      'because there is no perl',
      failureOf(127, 'bash: line 1: perl: command not found\n'),
      'NoMethodAvailable',
      'node pve2 has no perl: bash: line 1: perl: command not found',
      'install perl-base there',
    ],
    [
      'because there is no perl, and nothing is said of that',
      failureOf(127, ''),
      'NoMethodAvailable',
      'node pve2 has no perl',
      'install perl-base there',
    ],
    [
      'because there is no perl for sudo',
      failureOf(1, 'sudo: perl: command not found\n'),
      'NoMethodAvailable',
      'node pve2 has no perl: sudo: perl: command not found',
      'install perl-base there',
    ],
    [
      'because there is no sudo',
      failureOf(127, 'sh: 1: sudo: not found\n'),
      'NoMethodAvailable',
      'node pve2 has no sudo',
      'install it there, or log in as root',
    ],
    [
      'because sudo wants a password',
      failureOf(1, 'sudo: a password is required\n'),
      'PermissionDenied',
      'no root by sudo on node pve2: sudo: a password is required',
      'allow that user to run perl by sudo without a password, or log in as root',
    ],
    [
      'because only passwords are accepted',
      failureOf(255, 'root@pve2: Permission denied (password,keyboard-interactive).\n'),
      'AuthenticationFailed',
      'node pve2 refused the login: root@pve2: Permission denied (password,keyboard-interactive)',
      'no password is asked for here: give it a key (ssh-copy-id pve2), or load one (ssh-add); try: ssh -o BatchMode=yes pve2 true',
    ],
    [
      'because no key of ours is accepted',
      failureOf(255, 'root@pve2: Permission denied (publickey).\n'),
      'AuthenticationFailed',
      'node pve2 refused the login: root@pve2: Permission denied (publickey)',
      'load a key that it accepts (ssh-add), and try: ssh -o BatchMode=yes pve2 true',
    ],
    [
      'because no key of ours is accepted where a context has options for ssh',
      failureOf(255, 'root@pve2: Permission denied (publickey).\n', {
        ...target,
        options: ['-p', '2222', '-i', '/a b'],
      }),
      'AuthenticationFailed',
      'node pve2 refused the login: root@pve2: Permission denied (publickey)',
      "load a key that it accepts (ssh-add), and try: ssh -o BatchMode=yes -p 2222 -i '/a b' pve2 true",
    ],
    [
      'because the host key is unknown',
      failureOf(
        255,
        'No ED25519 host key is known for pve2 and you have requested strict checking.\r\nHost key verification failed.\r\n',
      ),
      'AuthenticationFailed',
      'the host key of node pve2 is not known: No ED25519 host key is known for pve2 and you have requested strict checking; Host key verification failed',
      'log in once by hand and compare its fingerprint: ssh pve2',
    ],
    [
      'because the cluster does not know the host key',
      failureOf(255, 'Host key verification failed.\r\n', ofCluster),
      'AuthenticationFailed',
      'the host key of node pve2 is not known: Host key verification failed',
      'its cluster keeps the key: run pvecm updatecerts on pve2',
    ],
    [
      'because the host key is another one',
      failureOf(255, CHANGED),
      'AuthenticationFailed',
      'the host key of node pve2 is not the known one; it has sent the ED25519 key SHA256:q1w2e3; another one is in /home/u/.ssh/known_hosts:7',
      'somebody may stand in between; only if the node was installed anew, remove its old key (ssh-keygen -R)',
    ],
    [
      'without a word of ssh',
      failureOf(255, ''),
      'PlatformUnreachable',
      'node pve2 cannot be reached over ssh: ssh failed',
      'try: ssh -o BatchMode=yes pve2 true',
    ],
    [
      'in the login shell, which said why on its standard output',
      failureOf(1, '', target, 'This account is closed.\n'),
      'PlatformUnreachable',
      'the login on node pve2 ended with 1 and no answer; it said "This account is closed."',
      'try: ssh -o BatchMode=yes pve2 true',
    ],
  ] as const) {
    it(`${what} is told so`, () => {
      expect([error.code, error.message, error.hint]).to.deep.equal([code, message, hint]);
    });
  }

  it('and is told of at length is cut between sentences', () => {
    const error = failureOf(1, `first ${'a'.repeat(200)}\nsecond ${'b'.repeat(200)}\nlast ${'c'.repeat(50)}\n`);
    expect(error.message).to.match(/: \.\.\. second b+; last c+$/);
    expect(failureOf(1, 'd'.repeat(1000)).message).to.match(/: d{300} \.\.\.$/);
  });
});
