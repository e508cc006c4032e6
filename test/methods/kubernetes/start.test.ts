import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { startInPod } from '../../../src/methods/kubernetes/start.ts';
import type { Container } from '../../../src/model/container.ts';
import type { ChannelEnd, ClusterAnswer, PodChannel } from '../../../src/model/pod.ts';
import type { ExecRequest } from '../../../src/model/request.ts';
import type { Session } from '../../../src/model/session.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** A container that is this host, where programs are found by this PATH. */
interface Place {
  readonly path: string;
  /** What answers the second execution, which watches over the first; default: it is run. */
  readonly second?: ClusterAnswer;
}

describe('a command in a pod', () => {
  const start = (place: Place, needsTreeKill: boolean, command = ['/bin/echo', 'here']): Promise<Session> => {
    let count = 0;
    const open = (path: string): Promise<PodChannel | ClusterAnswer> => {
      const isWatch = new URL(path, 'http://host').searchParams.getAll('command')[3] !== request.id;
      count++;
      expect(count).to.be.at.most(2);
      return Promise.resolve(isWatch && place.second !== undefined ? place.second : channelOf(path, place.path));
    };
    const request = {
      id: randomUUID(),
      command,
      env: new Map(),
      needsTreeKill,
      stdin: { kind: 'null' },
      stdout: { kind: 'pipe' },
      stderr: { kind: 'pipe' },
    } as unknown as ExecRequest;
    const pod = { cluster: { open }, namespace: 'default', pod: 'web', container: 'main' };
    return startInPod({ pod } as unknown as Container, request, new AbortController().signal);
  };

  const ends = async (session: Session): Promise<unknown> => {
    const output = await text(session.stdout!);
    const exit = await session.exit;
    await session.release();
    return [output, exit.kind === 'exited' ? exit.exitCode : exit.kind, session.treeKill];
  };

  const refusal = (place: Place): Promise<string> =>
    start(place, true).then(
      () => 'none',
      (error: Error) => error.message,
    );

  it('is watched over', async () => {
    expect(await ends(await start({ path: '/usr/bin:/bin' }, true))).to.deep.equal(['here\n', 0, true]);
  });

  it('that cannot become a program was not started, and no line of ours is shown', async () => {
    const directory = scratchDirectory();
    for (const [name, content, expected] of [
      ['interpreter', '#!/no/such/program\n', 'CommandNotFound'],
      // Which busybox, as /bin/sh, reads as a script.
      ['foreign', Buffer.concat([Buffer.from('\u007FELF'), Buffer.alloc(200)]), 'CommandNotExecutable'],
    ] as const) {
      const file = join(directory, name);
      writeFileSync(file, content, { mode: 0o755 });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const session = await start({ path: '/usr/bin:/bin' }, false, [file]);
      // oxlint-disable-next-line no-await-in-loop -- as above
      const said = await text(session.stderr!);
      // oxlint-disable-next-line no-await-in-loop -- as above
      const exit = await session.exit;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await session.release();
      expect([said, exit.kind === 'not-started' ? exit.error.code : exit]).to.deep.equal(['', expected]);
    }
  });

  it('that exits as if it were so was started', async () => {
    const session = await start({ path: '/usr/bin:/bin' }, false, ['/bin/sh', '-c', 'echo no >&2; exit 127']);
    expect(await text(session.stderr!)).to.equal('no\n');
    expect(await session.exit).to.include({ kind: 'exited', exitCode: 127 });
    await session.release();
  });

  it('cannot be ended where there is no grep: it says so, or is refused', async () => {
    expect(await ends(await start({ path: '/none' }, false))).to.deep.equal(['here\n', 0, false]);
    expect(await refusal({ path: '/none' })).to.include('no grep');
  });

  it('cannot be ended where nobody may watch over it: as well', async () => {
    const place: Place = { path: '/usr/bin:/bin', second: { status: 429, body: {} } };
    expect(await ends(await start(place, false))).to.deep.equal(['here\n', 0, false]);
    expect(await refusal(place)).to.include('could not be started beside it');
  });
});

/** What a server makes of a request for an execution. */
function channelOf(path: string, searchPath: string): PodChannel {
  const [file = '', ...args] = new URL(path, 'http://host').searchParams.getAll('command');
  const child = spawn(file, args, { env: { PATH: searchPath } });
  child.stdin.on('error', () => {});
  const ended = new Promise<ChannelEnd>((resolve) =>
    child.on('close', (exitCode) => {
      if (exitCode === null) resolve({ kind: 'lost', reason: 'closed' });
      else resolve({ kind: 'status', status: { kind: 'exited', exitCode } });
    }),
  );
  return {
    halfCloses: true,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    stirred: new Promise((resolve) => child.stdout.once('readable', () => resolve())),
    onUnread: () => {},
    isFull: false,
    heardAt: 0,
    resize: () => {},
    endInput: () => void child.stdin.end(),
    close: () => void child.kill('SIGKILL'),
  };
}
