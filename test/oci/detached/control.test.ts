import { existsSync, mkdirSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { connectTo, listenIn } from '../../../src/oci/detached/control.ts';
import { eachLine } from '../../../src/oci/detached/lines.ts';
import { scratchDirectory } from '../../support/lxc.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('the control socket of an execution', () => {
  let folder: string;
  let server: Server;
  let signals: string[];

  beforeEach(async () => {
    // Longer than the path of a socket can be.
    folder = join(scratchDirectory(), 'x'.repeat(200));
    mkdirSync(folder);
    signals = [];
    server = await listenIn(folder, (signal) => signals.push(signal));
  });

  afterEach(() => void server.close());

  it('takes signals, and answers each line', async () => {
    const socket = await connectTo(folder);
    const answers: string[] = [];
    if (socket === undefined) throw new Error('not connected');
    void eachLine(socket, 100, (line) => answers.push(line));
    socket.write('SIGTERM\nSIGSTOP\nSIG');
    socket.write('KILL\n');
    await waitFor(() => answers.length === 3, { what: 'three answers' });
    expect([signals, answers]).to.deep.equal([
      ['SIGTERM', 'SIGKILL'],
      ['done', 'unknown', 'done'],
    ]);
    socket.destroy();
  });

  it('is ours alone', () => {
    expect(statSync(join(folder, 'control')).mode & 0o777).to.equal(0o600);
  });

  it('drops who sends too much', async () => {
    const socket = await connectTo(folder);
    socket?.write('x'.repeat(1000));
    await new Promise((resolve) =>
      socket
        ?.on('close', resolve)
        .on('error', () => {})
        .resume(),
    );
    expect(signals).to.deep.equal([]);
  });

  it('that nobody listens on is none', async () => {
    expect(await connectTo(scratchDirectory())).to.equal(undefined);
    expect(await connectTo('/nowhere/at/all')).to.equal(undefined);
    const stale = scratchDirectory();
    const other = await listenIn(stale, () => {});
    await new Promise((resolve) => other.close(resolve));
    expect(existsSync(join(stale, 'control')), 'the socket of a dead supervisor').to.equal(true);
    expect(await connectTo(stale)).to.equal(undefined);
  });
});
