/** What using the library does to the program that uses it: nothing. Each test is a program of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import {
  assertNothingNew,
  processesMatching,
  run,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
  waitFor,
} from '../support/lxc.ts';
import type { Container, RunOptions } from '../support/lxc.ts';
import { openPseudoTerminal } from '../terminal/pseudo-terminal.ts';

const LIBRARY = new URL('../../src/index.ts', import.meta.url).href;

/** Shorter than every timer of ours that could outlive an execution. */
const PROMPTLY_MS = 500;

describe('a program that uses the library', () => {
  let container: Container;
  let directory: string;
  let programs = 0;

  before(async () => {
    container = await startContainer({ kind: 'debian' });
    directory = scratchDirectory();
  });

  after(() => container.destroy());

  /** Writes a program in which `runtime` and the container's `name` are there. */
  function program(body: string): string {
    const file = join(directory, `${++programs}.mjs`);
    const head = `import { createRuntime } from '${LIBRARY}';
      const name = ${JSON.stringify(container.name)};
      const runtime = createRuntime({ methods: ['lxc-attach'] });`;
    writeFileSync(file, `${head}\n${body}\n`);
    return file;
  }

  /** Runs a program that must succeed without a word on standard error. */
  async function output(body: string, options: RunOptions = {}): Promise<string> {
    const done = await run([process.execPath, program(body)], { cwd: '/', timeoutMs: 110_000, ...options });
    expect([done.stderr, done.exitCode], done.stdout).to.deep.equal(['', 0]);
    return done.stdout;
  }

  it('keeps its signals, streams, descriptors, directory, mask, environment and timers', async () => {
    const printed = await output(`
      import { readFileSync, readdirSync, writeSync } from 'node:fs';
      import { setTimeout as sleep } from 'node:timers/promises';
      import { text } from 'node:stream/consumers';
      const touched = [];
      for (const key of ['exit', 'reallyExit', 'abort', 'chdir', 'setuid', 'seteuid', 'setgroups']) {
        const own = process[key];
        process[key] = (...args) => { touched.push(key); return own.apply(process, args); };
      }
      // Node's own sockets look whether they are process.stderr.
      for (const key of ['stdin', 'stdout']) {
        const { get } = Object.getOwnPropertyDescriptor(process, key);
        Object.defineProperty(process, key, { get: () => { touched.push(key); return get.call(process); } });
      }
      const children = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8');
      const state = () => ({
        listeners: process.eventNames().map((event) => [String(event), process.listenerCount(event)]),
        cwd: process.cwd(), umask: process.umask(), env: process.env, title: process.title,
        slack: readFileSync('/proc/self/timerslack_ns', 'utf8'),
        descriptors: readdirSync('/proc/self/fd').length,
      });
      // A watchdog that was dismissed may still be on its way out.
      const quiet = async () => { while (children() !== '') await sleep(20); };
      // Node itself opens something on first use.
      await runtime.exec(name, ['true'], { terminal: {} });
      await quiet();
      const before = state();
      await runtime.exec(name, ['sh', '-c', 'echo; exit 3'], { input: 'x', timeoutMs: 5000, signal: new AbortController().signal });
      const piped = runtime.exec(name, ['cat'], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
      piped.stdin.end('x');
      await Promise.all([text(piped.stdout), text(piped.stderr), piped]);
      await runtime.exec(name, ['sleep', '1000'], { signal: AbortSignal.timeout(200) });
      await runtime.exec(name, ['true'], { terminal: {} });
      await runtime.exec('plx-no-such', ['true'], { stdin: 'pipe' });
      await runtime.ps();
      await runtime.processes(name);
      await quiet();
      writeSync(1, JSON.stringify({ before, after: state(), touched }));`);
    const { before, after, touched } = JSON.parse(printed) as Record<string, unknown>;
    expect(after).to.deep.equal(before);
    expect(touched).to.deep.equal([]);
  });

  it('ends by itself as soon as it has nothing more to do, whatever it used', async () => {
    const printed = await output(`
      import { writeSync } from 'node:fs';
      await runtime.exec(name, ['true'], { timeoutMs: 60000, signal: AbortSignal.timeout(60000) });
      const stubborn = runtime.exec(name, ['sh', '-c', 'trap "" TERM; sleep 1000'], { killAfterMs: 100 });
      await stubborn.started;
      stubborn.kill();
      await stubborn;
      const piped = runtime.exec(name, ['sh', '-c', 'read -r line; head -c 110000 /dev/zero'], { stdin: 'pipe', stdout: 'pipe' });
      piped.stdin.write('and not ended\\n');
      await piped;
      const terminal = runtime.exec(name, ['sh', '-c', 'echo'], { terminal: {}, stdin: 'pipe', stdout: 'pipe' });
      terminal.stdout.resume();
      await terminal;
      await runtime.exec(name, ['true'], { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' });
      await runtime.exec('plx-no-such', ['true'], { stdin: 'pipe', timeoutMs: 60000, stdout: 'pipe' });
      const end = performance.now();
      process.on('exit', () => writeSync(1, String(performance.now() - end)));`);
    expect(Number(printed)).to.be.below(PROMPTLY_MS);
  });

  it('holds no more memory for 256 MiB than for a little, when it reads slowly', async () => {
    const printed = await output(`
      import { setTimeout as sleep } from 'node:timers/promises';
      const read = async (bytes) => {
        const run = runtime.exec(name, ['head', '-c', String(bytes), '/dev/zero'], { stdout: 'pipe' });
        let [got, most, chunks] = [0, 0, 0];
        for await (const chunk of run.stdout) {
          got += chunk.length;
          if (++chunks % 64 === 0) await sleep(10);
          most = Math.max(most, process.memoryUsage.rss());
        }
        if (got !== bytes || (await run).exitCode !== 0) throw new Error('got ' + got);
        return most;
      };
      const little = await read(2 ** 20);
      console.log((await read(2 ** 28) - little) / 2 ** 20);`);
    // Half of what was read: what is no longer needed stays a while on a busy machine.
    expect(Number(printed), 'MiB more').to.be.below(128);
  });

  it('keeps its inherited descriptors to itself, and keeps them', async () => {
    const body = `
      import { readlinkSync } from 'node:fs';
      const look = ['sh', '-c', 'for fd in /proc/self/fd/*; do readlink "$fd"; done; exit 0'];
      for (const options of [{}, { terminal: {} }, { user: 'nobody' }]) {
        const { stdout, exitCode } = await runtime.exec(name, look, options);
        console.log(stdout + exitCode);
      }
      console.log('own ' + readlinkSync('/proc/self/fd/20') + ' ' + readlinkSync('/proc/self/fd/200'));`;
    const script = `exec 20</etc 200</root; exec "$0" "$1"`;
    const { stdout, stderr } = await run(['bash', '-c', script, process.execPath, program(body)]);
    expect(stderr).to.equal('');
    const lines = stdout.split('\n');
    expect(lines.filter((line) => line === '0').length, stdout).to.equal(3);
    expect(lines.filter((line) => line === '/etc' || line === '/root')).to.deep.equal([]);
    expect(lines).to.include('own /etc /root');
  });

  it('hands none of its descriptors, nor its mask, to a container that it starts', async () => {
    const body = `
      await runtime.stop(name, { force: true });
      process.umask(0o077);
      const { pid } = await runtime.start(name);
      console.log(pid);`;
    const { stdout, stderr } = await run([
      'bash',
      '-c',
      'exec 20</etc 200</root; exec "$0" "$1"',
      process.execPath,
      program(body),
    ]);
    expect(stderr).to.equal('');
    const open = readdirSync(`/proc/${stdout.trim()}/fd`).map((fd) => readlinkSync(`/proc/${stdout.trim()}/fd/${fd}`));
    expect(open).not.to.have.any.members(['/etc', '/root']);
    expect(readFileSync(`/proc/${stdout.trim()}/status`, 'utf8')).to.match(/^Umask:\t0022$/m);
  });

  it('may hand its own streams over, where no byte passes through it', async () => {
    const printed = await output(
      `
      import { writeSync } from 'node:fs';
      for (const key of ['stdin', 'stdout']) Object.defineProperty(process, key, { get: () => { throw new Error(key); } });
      const { stdout, exitCode } = await runtime.exec(name, ['sh', '-c', 'cat; exit 3'], { stdin: 'inherit', stdout: 'inherit' });
      writeSync(1, ' then ' + exitCode + JSON.stringify(stdout));`,
      { input: 'typed' },
    );
    expect(printed).to.equal('typed then 3""');
  });

  it('gets its terminal back as it was, streams inherited with and without one in the container', async () => {
    const terminal = await openPseudoTerminal();
    const { fd } = terminal;
    const shown = (): string => terminal.output();
    let child: ChildProcess | undefined;
    try {
      const body = `
        import { readFileSync } from 'node:fs';
        const inherit = { stdin: 'inherit', stdout: 'inherit' };
        const counts = () => ['stdin', 'stdout'].map((key) => process[key].eventNames().map((event) => [String(event), process[key].listenerCount(event)]));
        const before = JSON.stringify(counts());
        for (let i = 0; i < 12; i++) await runtime.exec(name, ['sh', '-c', 'test -t 1 || echo pipe' + i], { ...inherit, stderr: 'inherit' });
        await runtime.exec(name, ['sh', '-c', 'test -t 0 && test -t 1 && echo terminal'], { ...inherit, terminal: {} });
        console.log(JSON.stringify(counts()) === before && !process.stdin.isRaw ? 'as it was' : 'changed');`;
      child = spawn('setsid', ['--ctty', '--wait', process.execPath, program(body)], { stdio: [fd, fd, fd] });
      await waitFor(() => /as it was|changed|Error/.test(shown()), { what: 'the program', timeoutMs: 30_000 });
      await waitFor(() => child?.exitCode !== null, { what: 'the program to end by itself' });
      expect(child.exitCode, shown()).to.equal(0);
      expect(shown()).to.match(/pipe0\r\n.*pipe11\r\n.*terminal\r+\n.*as it was\r\n/s);
      expect(shown()).not.to.include('Warning');
    } finally {
      child?.kill('SIGKILL');
      terminal.close();
    }
  });

  it('takes the command with it when it dies', async () => {
    const before = await snapshotProcesses(container);
    const child = spawn(process.execPath, [program(`await runtime.exec(name, ['sleep', '6543']);`)], {
      stdio: 'ignore',
    });
    try {
      await waitFor(
        async () => (await processesMatching(container, '6543')).some(({ args }) => args === 'sleep 6543'),
        {
          what: 'the command',
        },
      );
    } finally {
      child.kill('SIGKILL');
    }
    await assertNothingNew(container, before);
  });

  it('may use it in a worker thread', async () => {
    const printed = await output(`
      import { isMainThread, Worker } from 'node:worker_threads';
      if (isMainThread) {
        const worker = new Worker(new URL(import.meta.url), { trackUnmanagedFds: false });
        await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
      } else {
        console.log((await runtime.exec(name, ['echo', 'from a worker'])).stdout.trim());
        console.log((await runtime.stop(name, { force: true })).status, (await runtime.start(name, { wait: true })).status);
      }`);
    expect(printed).to.equal('from a worker\nstopped running\n');
  });
});
