/** Programs that our program starts, over pipes instead of ssh: on this host, without a container. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { packList } from '../../src/remote/frames.ts';
import { RemoteProcess } from '../../src/remote/process.ts';
import type { RemoteLaunch } from '../../src/remote/process.ts';
import { waitFor } from '../support/wait-for.ts';
import { endLocalPrograms, startLocalProgram } from './local-channel.ts';
import type { LocalProgram } from './local-channel.ts';

function launchOf(args: readonly (string | Uint8Array)[], changes: Partial<RemoteLaunch> = {}): RemoteLaunch {
  const execId = randomUUID();
  return {
    execId,
    program: 'sh',
    args: ['-c', ...args],
    environment: { PROXMOX_LXCRI_EXEC_ID: execId },
    pipes: { stdin: true, stdout: true, stderr: true },
    terminal: undefined,
    channel: false,
    logArgument: undefined,
    initPid: undefined,
    ...changes,
  };
}

async function textOf(stream: Readable | null | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

describe('a program on a node', () => {
  let local: LocalProgram;

  beforeEach(async () => {
    local = await startLocalProgram();
  });

  afterEach(() => local.connection.close());
  after(endLocalPrograms);

  const start = (args: readonly (string | Uint8Array)[], changes?: Partial<RemoteLaunch>) =>
    new RemoteProcess(local.connection, launchOf(args, changes));

  it('has separate streams, the end of its input, and its exit code', async () => {
    const started = start(['cat; echo err >&2; exit 42']);
    started.stdin?.end('in');
    const [stdout, stderr] = await Promise.all([textOf(started.stdout), textOf(started.stderr)]);
    expect([stdout, stderr]).to.deep.equal(['in', 'err\n']);
    expect(await started.ended).to.deep.equal({ code: 42, signal: null });
  });

  it('gets its words byte for byte, and a clean environment', async () => {
    const words = ['', ' a  b ', '\n', '$HOME', "'", '"', '*', Buffer.from([0xff, 0xfe]), 'ü€'];
    const started = start(['printf "%s|" "$@"; env', 'sh', ...words], { environment: { A: 'b=c\n' } });
    const [printed = '', environment = ''] = (await textOf(started.stdout)).split(/\|(?=[A-Z_]+=)/);
    expect(`${printed}|`).to.equal(words.map((word) => `${Buffer.from(word).toString('latin1')}|`).join(''));
    const names = environment.match(/^[A-Z_]+(?==)/gm)?.filter((name) => name !== 'PWD' && name !== '_');
    expect(names?.toSorted()).to.deep.equal(['A', 'LC_ALL', 'PATH']);
    expect(environment).to.include('A=b=c\n\n');
  });

  it('tells the signal that ended it', async () => {
    const started = start(['kill -KILL $$']);
    expect(await started.ended).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('that is not there is told from one that cannot be executed', async () => {
    expect(await start([], { program: 'no-such-program' }).launched).to.equal('missing');
    const tooLong = start(['x'.repeat(200_000)]);
    expect(await tooLong.launched).to.equal('exec 7');
    // Who has not waited for that is told the same as of one that ended.
    expect(await tooLong.ended).to.deep.equal({ code: 1, signal: null });
    expect(await tooLong.killTree()).to.equal(true);
  });

  it('speaks on descriptor 3, and what it said comes before the news of its end', async () => {
    const started = start(['echo started >&3; exit 5'], { channel: true });
    const order: string[] = [];
    started.channel?.on('data', (chunk: Buffer) => order.push(chunk.toString()));
    await started.ended.then(() => order.push('ended'));
    expect(order).to.deep.equal(['started\n', 'ended']);
  });

  it('can write a log that nothing it starts inherits', async () => {
    const started = start(['echo logged >"$1"; ls -l /proc/self/fd', 'sh', '\0log'], { logArgument: 3 });
    const listed = await textOf(started.stdout);
    await started.ended;
    expect(started.log).to.equal('logged\n');
    expect(listed.match(/-> pipe:/g)).to.have.length(3);
  });

  it('gets what was written, also when its buffer is used again at the callback, or is empty', async () => {
    const started = start(['cat']);
    const output = textOf(started.stdout);
    const buffer = Buffer.alloc(100_000);
    for (const letter of ['a', 'b', '', 'c']) {
      buffer.fill(letter);
      const piece = letter === '' ? Buffer.alloc(0) : buffer;
      // oxlint-disable-next-line no-await-in-loop -- the buffer is used again
      await new Promise((resolve) => void started.stdin?.write(piece, resolve));
    }
    buffer.fill('x');
    started.stdin?.end();
    expect((await output).replaceAll(/(.)\1*/g, (run, letter: string) => `${run.length}${letter} `)).to.equal(
      '100000a 100000b 100000c ',
    );
    expect(await started.ended).to.deep.equal({ code: 0, signal: null });
  });

  it('works at a terminal of the size that was asked for, and of a new one', async () => {
    const script = 'stty -echo; stty size; trap "stty size; exit 3" WINCH; echo ready; while :; do sleep 0.05; done';
    const started = start([script], { terminal: { columns: 81, rows: 25 } });
    let said = '';
    started.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await waitFor(() => said.includes('ready'), { what: 'the program to be ready' });
    started.resize(132, 50);
    expect(await started.ended).to.deep.equal({ code: 3, signal: null });
    await waitFor(() => said.includes('50 132'), { what: `the new size in ${said}` });
    expect(said).to.match(/^25 81\r\n/);
  });

  it('whose output nobody reads holds up no other, and memory stays flat', async () => {
    const silent = start(['cat /dev/zero'], { pipes: { stdin: false, stdout: true, stderr: false } });
    await silent.launched;
    const other = start(['head -c 20000000 /dev/zero | tr "\\000" x'], {
      pipes: { stdin: false, stdout: true, stderr: false },
    });
    expect((await textOf(other.stdout)).length).to.equal(20_000_000);
    expect(await other.ended).to.deep.equal({ code: 0, signal: null });
    expect(peakKib(local.pid)).to.be.below(40_000);
    expect(await silent.killTree()).to.equal(true);
    silent.signal('helper', 'SIGKILL');
  });

  it('that does not read its input holds up no other', async () => {
    const deaf = start(['sleep 300082']);
    let drained = true;
    for (let piece = 0; piece < 100 && drained; piece++) drained = deaf.stdin?.write(Buffer.alloc(1_000_000)) ?? false;
    const other = start(['echo here']);
    expect(await textOf(other.stdout)).to.equal('here\n');
    expect(peakKib(local.pid)).to.be.below(40_000);
    deaf.signal('helper', 'SIGKILL');
    expect(await deaf.ended).to.deep.equal({ code: null, signal: 'SIGKILL' });
  });

  it('gets SIGPIPE when its reader goes away', async () => {
    const started = start(['while :; do echo y; done'], { pipes: { stdin: false, stdout: true, stderr: false } });
    await once(started.stdout ?? process, 'data');
    started.stdout?.destroy();
    expect(await started.ended).to.deep.equal({ code: null, signal: 'SIGPIPE' });
  });

  /** A tree that has shed its parent and its session; resolves to its pids. */
  async function tree(started: RemoteProcess): Promise<number[]> {
    let said = '';
    started.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await waitFor(() => said.split('\n').length >= 4, { what: 'the tree to be there' });
    return said.trim().split('\n').map(Number);
  }
  const TREE =
    'echo $$; setsid sh -c "echo \\$\\$; sleep 300083" & (sh -c "echo \\$\\$; sleep 300084" &); sleep 300085';

  it('is ended with all it started on demand', async () => {
    const started = start([TREE]);
    const pids = await tree(started);
    started.signal('helper', 'SIGKILL');
    await started.ended;
    expect(await started.killTree()).to.equal(true);
    expect(pids.filter(isRunning)).to.deep.equal([]);
  });

  for (const [how, lose] of [
    ['when the channel ends', ({ channel }: LocalProgram) => channel.close()],
    ['when our program is killed', ({ pid }: LocalProgram) => void process.kill(pid, 'SIGKILL')],
    ['when our program and its group are asked to end', ({ pid }: LocalProgram) => void process.kill(pid, 'SIGTERM')],
  ] as const) {
    it(`is ended with all it started ${how}`, async () => {
      const started = start([TREE]);
      const pids = await tree(started);
      lose(local);
      expect(await started.ended).to.have.property('lost');
      await waitFor(() => pids.filter(isRunning).length === 0, { what: 'the tree to be gone' });
    });
  }

  it('is ended with all it started when nothing is heard of us any more, although the channel is open', async () => {
    const other = await startLocalProgram({ silenceSeconds: 1 });
    const started = new RemoteProcess(other.connection, launchOf([TREE]));
    const pids = await tree(started);
    expect(await started.ended).to.have.property('lost');
    await waitFor(() => pids.filter(isRunning).length === 0, { what: 'the tree to be gone' });
  });

  it('on a node that does not answer any more is not waited for long when it is to be ended', async () => {
    const other = await startLocalProgram({ patience: { pingMs: 50, silenceMs: 3_600_000, answerMs: 400 } });
    const started = new RemoteProcess(other.connection, launchOf([TREE]));
    const pids = await tree(started);
    process.kill(other.pid, 'SIGSTOP');
    expect(await started.killTree()).to.equal(undefined);
    expect(await started.ended).to.have.property('lost');
    await waitFor(() => pids.filter(isRunning).length === 0, { what: 'the tree to be gone', timeoutMs: 20_000 });
  });

  it('that ended by itself leaves what it started, whatever becomes of the channel', async () => {
    const started = start(['setsid sh -c "echo \\$\\$; exec sleep 300086 >/dev/null 2>&1" & exit 0']);
    const [pid] = (await once(started.stdout ?? process, 'data')) as [Buffer];
    expect(await started.ended).to.deep.equal({ code: 0, signal: null });
    process.kill(local.pid, 'SIGKILL');
    await local.channel.ended;
    // Long enough for the guardian, which acts at once, to do what it must not do.
    await sleep(300);
    expect(isRunning(Number(pid))).to.equal(true);
    process.kill(Number(pid), 'SIGKILL');
  });

  it('whose connection was lost is ended over another one', async () => {
    // Its guardian is killed first: nobody there would end it.
    const started = start([TREE]);
    const pids = await tree(started);
    const [guardian] = readFileSync(`/proc/${local.pid}/task/${local.pid}/children`, 'latin1').split(' ');
    process.kill(Number(guardian), 'SIGKILL');
    process.kill(local.pid, 'SIGKILL');
    await started.ended;
    const other = await startLocalProgram();
    const { execId, startTime } = started.execution;
    const answer = await other.connection.ask('T', packList([execId, '', startTime]));
    other.connection.close();
    expect(answer.toString()).to.equal('1');
    expect(pids.filter(isRunning)).to.deep.equal([]);
  });
});

function peakKib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}
