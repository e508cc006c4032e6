import { expect } from 'chai';

import type { PodAccess } from '../../../src/model/pod.ts';
import { refusedExecution, startFailure } from '../../../src/methods/kubernetes/failures.ts';

/** As they were seen, or stand in the sources of the runtimes. */
const MESSAGES: Record<string, readonly string[]> = {
  'not-found': [
    'Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "a1": OCI runtime exec failed: exec failed: unable to start container process: exec: "no-such": executable file not found in $PATH: unknown',
    'error executing command in container: failed to exec in container: failed to start exec "a1": OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: exec: "/no/such": stat /no/such: no such file or directory: unknown',
    'error executing command in container: executable file `no-such` not found in $PATH: No such file or directory',
  ],
  'not-executable': [
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown',
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc": is a directory: unknown',
    'exec failed: unable to start container process: exec /bin/x: exec format error',
  ],
  gone: [
    'container not found ("main")',
    'error executing command in container: failed to load task: no running task found: task a1 not found: not found',
    'error executing command in container: container is in CONTAINER_EXITED state',
    'error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused',
  ],
  'too-long': ['exec failed: unable to start container process: argument list too long: unknown'],
  unclear: ['error sending request: read tcp: connection reset by peer', 'context deadline exceeded'],
};

describe('what a runtime says of a command that it could not start', () => {
  for (const [kind, messages] of Object.entries(MESSAGES))
    for (const message of messages)
      it(`is ${kind}: ${message.slice(-60)}`, () => {
        expect(startFailure(message).kind).to.equal(kind);
      });
});

describe('what an API server says instead of running a command', () => {
  it('is that it has too many words, where their number made it drop all that was asked', () => {
    const access = { cluster: { name: 'host' }, namespace: 'web', pod: 'pod', container: 'main' } as PodAccess;
    for (const message of [
      'you must specify at least 1 command for the pod',
      'you must specify at least one of stdin, stdout',
    ])
      expect(refusedExecution({ status: 400, body: { message } }, access).message).to.contain('too many words');
  });
});
