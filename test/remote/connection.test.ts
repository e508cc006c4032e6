/** A connection to our program, over pipes instead of ssh. */
import { expect } from 'chai';

import { NoAnswerError } from '../../src/remote/connection.ts';
import { startLocalProgram } from './local-channel.ts';

describe('a connection', () => {
  it('tells who we are on the other side', async () => {
    const { connection } = await startLocalProgram();
    expect(connection.login).to.deep.equal({ uid: 0, user: 'root' });
    connection.close();
  });

  it('is not disturbed by what a login prints, whatever it is', async () => {
    const { connection } = await startLocalProgram({
      prelude: 'echo "Welcome to pve2"; printf "\\000\\377proxmox-lxcri-"; head -c 100000 /dev/zero; echo last',
    });
    expect(connection.login.uid).to.equal(0);
    connection.close();
  });

  it('fails with what was said instead when there is no answer', async () => {
    const error = await startLocalProgram({ command: 'echo This account is not available; echo why >&2; exit 3' }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(NoAnswerError);
    expect((error as NoAnswerError).greeting).to.equal('This account is not available\n');
    expect((error as NoAnswerError).end).to.deep.equal({ code: 3, said: 'why\n' });
  });

  it('fails in time when nothing is said at all, and leaves nothing running', async () => {
    const error = await startLocalProgram({ command: 'exec sleep 300081', timeoutMs: 200 }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect((error as NoAnswerError).end).to.equal(undefined);
  });

  it('that is lost tells all that wait for an answer', async () => {
    const { connection, pid } = await startLocalProgram();
    const lost = new Promise<string>((resolve) => connection.listen({ frame() {}, lost: resolve }));
    process.kill(pid, 'SIGKILL');
    expect(await lost).to.be.a('string');
    expect(connection.lost).to.be.a('string');
    const late = new Promise<string>((resolve) => connection.listen({ frame() {}, lost: resolve }));
    expect(await late).to.equal(connection.lost);
  });
});
