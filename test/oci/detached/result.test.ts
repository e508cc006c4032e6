import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { LxcriError } from '../../../src/model/errors.ts';
import { listenIn } from '../../../src/oci/detached/control.ts';
import { ended, execResultOf, untilEnded } from '../../../src/oci/detached/result.ts';
import { ExecutionStore, withoutOutput } from '../../../src/oci/detached/store.ts';
import { ownMark } from '../../../src/oci/detached/supervisor-mark.ts';
import { newResult } from '../../../src/oci/new-result.ts';
import { schemaErrors } from '../../model/schema.ts';
import { scratchDirectory } from '../../support/lxc.ts';

const ID = 'abcd1234-0000-4000-8000-000000000001';

describe('the result of a detached execution', () => {
  let store: ExecutionStore;

  /** An execution that runs, with this process as its supervisor. */
  beforeEach(() => {
    store = ExecutionStore.below(scratchDirectory());
    mkdirSync(store.path(ID), { recursive: true });
    const request = { container: 'web', command: ['printf'], startedAt: '2026-01-01T00:00:00.000Z' };
    writeFileSync(store.path(ID, 'request.json'), JSON.stringify(request));
    writeFileSync(store.path(ID, 'supervisor'), ownMark());
    for (const name of ['stdout', 'stderr'] as const) writeFileSync(store.path(ID, name), '');
  });

  function publish(exitCode: number, cut = { stdout: false, stderr: false }): void {
    const result = {
      ...withoutOutput(newResult(ID, [], new Date(0))),
      exitCode,
      started: true,
      cut,
      outputError: null,
    };
    writeFileSync(store.path(ID, 'result.json'), JSON.stringify(result));
  }

  async function failure(promise: Promise<unknown>): Promise<string> {
    const error = await promise.catch((thrown: unknown) => thrown);
    return error instanceof LxcriError ? error.code : String(error);
  }

  it('is waited for as long as the supervisor is there, and not when it cannot be asked', async () => {
    const deaf = failure(untilEnded(store, ID));
    const sockets: { destroy(): void }[] = [];
    const server = await listenIn(store.path(ID), () => {});
    server.on('connection', (socket) => sockets.push(socket));
    // The first one looked before there was a socket, and gives up after two seconds.
    let settled = false;
    const waiting = untilEnded(store, ID).finally(() => (settled = true));
    try {
      expect(await deaf).to.equal('PlatformUnreachable');
      await sleep(100);
      expect([settled, sockets.length]).to.deep.equal([false, 1]);
      publish(3);
    } finally {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
    expect((await waiting).result.exitCode).to.equal(3);
  });

  it('is none when the execution is removed meanwhile', async () => {
    store.remove(ID);
    expect(await failure(untilEnded(store, ID))).to.equal('InvalidExecutionId');
  });

  it('is refused while the command runs', () => {
    expect(() => ended(store.get(ID)))
      .to.throw(LxcriError, /still running/)
      .with.property('code', 'ExecutionRunning');
  });

  it('has the output as text or base64, up to a limit, and says what was dropped before', () => {
    publish(0, { stdout: true, stderr: false });
    writeFileSync(store.path(ID, 'stdout'), Buffer.from('ab€').subarray(0, 4));
    writeFileSync(store.path(ID, 'stderr'), Buffer.from([0xff]));
    const execution = ended(store.get(ID));
    const whole = execResultOf(store, execution, 100);
    expect(schemaErrors(whole)).to.deep.equal([]);
    expect(whole).to.deep.include({ stdout: 'ab', stdoutEncoding: 'utf8', truncated: true, command: ['printf'] });
    expect([whole.stderr, whole.stderrEncoding]).to.deep.equal(['/w==', 'base64']);
    expect(execResultOf(store, execution, 1)).to.deep.include({ stdout: 'a', truncated: true });
    expect(Object.keys(whole)).to.deep.equal(Object.keys(newResult(ID, [], new Date())));
  });

  it('of a lost execution says that nothing is known', () => {
    writeFileSync(store.path(ID, 'supervisor'), '{}');
    const result = execResultOf(store, ended(store.get(ID)), 100);
    expect(schemaErrors(result)).to.deep.equal([]);
    expect(result).to.deep.include({ exitCode: 255, connectionLost: true, started: true, outputIncomplete: true });
    expect(result.error?.code).to.equal('ConnectionLost');
    rmSync(store.path(ID, 'stdout'));
    expect(execResultOf(store, ended(store.get(ID)), 100)).to.deep.equal(result);
  });
});
