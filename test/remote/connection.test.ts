/** A connection to our program, over pipes instead of ssh. */
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import type { Channel } from '../../src/remote/channel.ts';
import { Connection, NoAnswerError } from '../../src/remote/connection.ts';
import { packList } from '../../src/remote/frames.ts';
import { processInfo } from '../support/proc.ts';
import { waitFor } from '../support/wait-for.ts';
import { endLocalPrograms, startLocalProgram } from './local-channel.ts';
import type { LocalProgram } from './local-channel.ts';

/** Of a frame from the node, about no command. */
function header(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.write(type, 'latin1');
  bytes.writeUInt32BE(length, 6);
  return bytes;
}

describe('a connection', () => {
  after(endLocalPrograms);

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

  it('is not waited for any longer than wanted', async () => {
    const enough = new Error('enough');
    const error = await startLocalProgram({ command: 'exec sleep 300081', signal: AbortSignal.abort(enough) }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.equal(enough);
  });

  it('answers, or is not waited for', async () => {
    const { connection, pid } = await startLocalProgram();
    expect((await connection.ask('A', Buffer.from('no-such'))).length).to.be.above(0);
    process.kill(pid, 'SIGSTOP');
    const enough = new Error('enough');
    const abort = new AbortController();
    const asked = connection.ask('A', Buffer.from('no-such'), abort.signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    abort.abort(enough);
    expect(await asked).to.equal(enough);
    process.kill(pid, 'SIGCONT');
    expect((await connection.ask('A', Buffer.from('no-such'))).length).to.be.above(0);
    connection.close();
  });

  describe('on which nothing arrives any more is lost', () => {
    const patience = { pingMs: 50, silenceMs: 3_600_000, answerMs: 3_600_000 };

    async function lossOf(program: LocalProgram, act: () => void = () => {}): Promise<string> {
      const lost = new Promise<string>((resolve) => program.connection.listen({ frame() {}, lost: resolve }));
      process.kill(program.pid, 'SIGSTOP');
      await waitFor(() => processInfo(program.pid)?.state === 'T', { what: 'our program to stop' });
      act();
      return lost;
    }

    it('after a while', async () => {
      const program = await startLocalProgram({ patience: { ...patience, silenceMs: 400 } });
      expect(await lossOf(program)).to.equal('nothing was heard of the node for 0.4 s');
    });

    it('sooner when the other side is to act', async () => {
      // No pings: the answer to one may still be on its way.
      const program = await startLocalProgram({ patience: { ...patience, pingMs: 3_600_000, answerMs: 400 } });
      expect(await lossOf(program, () => program.connection.expectAnswer())).to.equal(
        'nothing was heard of the node for 0.4 s',
      );
    });

    it('and not when it has answered', async () => {
      const output = new PassThrough();
      const channel: Channel = {
        carrierPid: undefined,
        input: new PassThrough().resume(),
        output,
        ended: new Promise(() => {}),
        close() {},
        abort() {},
        hold() {},
      };
      const hello = packList(['0', 'root']);
      output.write(Buffer.concat([Buffer.from('\nnonce\n'), header('H', hello.length), hello]));
      const connection = await Connection.open(channel, 'nonce', 20_000, { patience: { ...patience, answerMs: 100 } });
      connection.expectAnswer();
      output.write(header('Q', 0));
      await sleep(300);
      expect(connection.lost).to.equal(undefined);
      connection.close();
    });
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
