import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { buffer, text } from 'node:stream/consumers';

import { expect } from 'chai';

import { spawnInPty } from '../../../src/methods/attach/pty.ts';
import type { PtyProcess } from '../../../src/methods/attach/pty.ts';
import { newExecutionId } from '../../../src/oci/new-result.ts';
import { timerSlackFor, timerSlackOf } from '../../../src/process/timer-slack.ts';
import { isRunning, processInfo } from '../../support/proc.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Whether this descriptor of ours is the controlling side of a terminal. */
function readsTerminal(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).endsWith('/ptmx');
  } catch {
    return false;
  }
}

describe('a program behind a terminal of ours', () => {
  let running: PtyProcess | undefined;

  afterEach(() => {
    if (running !== undefined && isRunning(running.helper.pid)) running.helper.kill('SIGKILL');
    running = undefined;
  });

  /** Output is as the program wrote it: `stty -onlcr` is what lxc-attach's own terminal makes up for. */
  async function start(script: string, channel = false, id = newExecutionId()): Promise<PtyProcess> {
    running = await spawnInPty(id, {
      file: '/bin/sh',
      args: ['-c', script],
      env: { PATH: '/usr/bin:/bin', MARK: 'of the helper' },
      terminal: { columns: 101, rows: 33, type: 'xterm-test' },
      channel,
    });
    return running;
  }

  it('has a terminal of that size and type on all three, and the given environment', async () => {
    const { stdout, helper } = await start(
      'stty size; echo "$TERM $MARK"; for fd in 0 1 2; do test -t $fd && echo $fd; done; pwd; exit 7',
    );
    expect(await text(stdout)).to.equal('33 101\nxterm-test of the helper\n0\n1\n2\n/\n');
    expect(await helper.ended).to.deep.equal({ code: 7, signal: null });
  });

  it('gets a new size', async () => {
    const { stdout, resize, stdin } = await start('trap "stty size; exit" WINCH; echo ready; while :; do read x; done');
    let shown = '';
    stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await waitFor(() => shown.includes('ready'), { what: 'the program' });
    resize(90, 20);
    stdin.write('\n');
    await waitFor(() => shown.includes('20 90'), { what: 'the new size' });
  });

  it('reads what is written, up to its end', async () => {
    const { stdout, stdin } = await start('stty -echo; echo ready; cat; echo end');
    let shown = '';
    stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await waitFor(() => shown === 'ready\n', { what: 'the program' });
    stdin.write('one\ntwo\n');
    stdin.end();
    await waitFor(() => shown === 'ready\none\ntwo\nend\n', { what: 'the end' });
  });

  it('shows every byte of its output, also the last, with a slow reader', async () => {
    const script =
      'stty -opost; i=0; while [ $i -lt 40 ]; do head -c 50000 /dev/zero | tr "\\0" "$i"; i=$((i + 1)); done; printf last';
    const { stdout } = await start(script);
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      hash.update(chunk);
      length += chunk.length;
      if (length % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const expected = createHash('sha256');
    for (let index = 0; index < 40; index++) expected.update(String(index)[0]?.repeat(50_000) ?? '');
    expect(length).to.equal(40 * 50_000 + 4);
    expect(hash.digest('hex')).to.equal(expected.update('last').digest('hex'));
  });

  it('tells which signal ended it', async () => {
    const { helper, stdout } = await start('kill -HUP $$');
    stdout.resume();
    expect(await helper.ended).to.deep.equal({ code: null, signal: 'SIGHUP' });
    const sleeping = await start('exec sleep 1081');
    sleeping.stdout.resume();
    sleeping.helper.kill('SIGKILL');
    expect(await sleeping.helper.ended).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('has a channel to us on descriptor 3, that ends with it', async () => {
    const { channel, stdout } = await start('echo said >&3; echo shown', true);
    if (channel === undefined) throw new Error('no channel');
    const [said, shown] = await Promise.all([text(channel), text(stdout)]);
    expect([said, shown]).to.deep.equal(['said\n', 'shown\n']);
  });

  it('leaves no descriptor open here', async () => {
    const open = (): string[] =>
      readdirSync('/proc/self/fd')
        .map((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`);
          } catch {
            return '';
          }
        })
        .filter((target) => /proxmox-lxcri-|ptmx|pts/.test(target))
        .toSorted();
    const before = open();
    for (let round = 0; round < 3; round++) {
      const { channel, stdout, helper } = await start('echo x >&3; echo y', true);
      await Promise.all([channel === undefined ? '' : buffer(channel), buffer(stdout), helper.ended]);
    }
    await waitFor(() => open().join() === before.join(), { what: `only ${before.join()} to be open` });
  });

  it('writes nothing more once it has ended: its descriptor may be that of another file by then', async () => {
    const before = new Set(readdirSync('/proc/self/fd').filter(readsTerminal));
    const { stdin, stdout, helper } = await start('exit 0');
    const own = readdirSync('/proc/self/fd').filter((fd) => readsTerminal(fd) && !before.has(fd));
    stdout.resume();
    await helper.ended;
    await waitFor(() => !own.some(readsTerminal), { what: 'the terminal to be closed' });
    const path = `${scratchDirectory()}/file`;
    const files: number[] = [];
    try {
      while (!own.every((fd) => files.includes(Number(fd))) && files.length < 100) files.push(openSync(path, 'a'));
      stdin.on('error', () => {});
      stdin.write('typed too late');
      // The next terminal works through the same thread pool: what was to be written is, when it has answered.
      const next = await start('echo next');
      expect(await text(next.stdout)).to.equal('next\n');
      expect(own).not.to.have.length(0);
      expect(readFileSync(path, 'utf8')).to.equal('');
    } finally {
      for (const fd of files) closeSync(fd);
    }
  });

  it('writes nothing more once its terminal is closed, although it still runs', async () => {
    const before = new Set(readdirSync('/proc/self/fd').filter(readsTerminal));
    const { stdin, stdout, helper, resize } = await start('trap "" HUP; exec 0<&- 1>&- 2>&-; exec sleep 1083');
    const own = readdirSync('/proc/self/fd').filter((fd) => readsTerminal(fd) && !before.has(fd));
    stdout.resume();
    await waitFor(() => !own.some(readsTerminal), { what: 'the terminal to be closed' });
    await new Promise((resolve) => stdin.end('typed too late', () => resolve(undefined)));
    resize(90, 20);
    expect(isRunning(helper.pid)).to.equal(true);
    helper.kill('SIGKILL');
    expect(await helper.ended).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('lets who writes wait while it does not read', async () => {
    const length = 1_000_000;
    const { stdin, stdout, helper } = await start(
      `stty raw -echo; echo ready; kill -STOP $$; head -c ${length} | wc -c`,
    );
    let shown = '';
    stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await waitFor(() => shown === 'ready\n' && processInfo(helper.pid)?.state === 'T', { what: 'the program to stop' });
    let taken = false;
    stdin.write(Buffer.alloc(length, 'x'), () => (taken = true));
    // Time enough for what takes all at once.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(taken).to.equal(false);
    helper.kill('SIGCONT');
    await waitFor(() => shown === `ready\n${length}\n`, { what: 'all to be read' });
    expect(taken).to.equal(true);
  });

  it('carries the mark of the execution', async () => {
    const id = newExecutionId();
    const { helper } = await start('exec sleep 1082', false, id);
    expect(timerSlackOf(helper.pid)).to.equal(timerSlackFor(id));
  });
});
