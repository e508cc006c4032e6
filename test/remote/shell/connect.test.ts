/** Our program in shells of all kinds, over terminals of this host. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { isLxcriError } from '../../../src/model/errors.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import type { Connection } from '../../../src/remote/connection.ts';
import { RemoteProcess } from '../../../src/remote/process.ts';
import { connectOverShell } from '../../../src/remote/shell/connect.ts';
import type { ShellOptions } from '../../../src/remote/shell/connect.ts';
import { findExecutable } from '../../../src/process/executable.ts';
import { must } from '../../support/run.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openLocalTerminal } from './local-terminal.ts';
import type { LocalTerminal, TerminalOptions } from './local-terminal.ts';

const LIMIT = { timeoutMs: 20_000 } as const;

function textOf(stream: Readable | null): Promise<string> {
  if (stream === null) throw new Error('it is not held');
  return text(stream);
}

describe('a connection by a shell', () => {
  const open: LocalTerminal[] = [];

  afterEach(() => {
    for (const terminal of open.splice(0)) terminal.close();
  });

  async function connect(
    script: string,
    options: TerminalOptions & ShellOptions = {},
  ): Promise<{ connection: Connection; terminal: LocalTerminal }> {
    const terminal = openLocalTerminal(['/bin/sh', '-c', script], options);
    open.push(terminal);
    return { terminal, connection: await connectOverShell('pve1', terminal, options) };
  }

  /** A bash with this in its start file. */
  function bash(lines: string): string {
    const file = join(scratchDirectory(), 'bashrc');
    writeFileSync(file, `${lines}\n`);
    return `exec bash --noprofile --rcfile '${file}' -i`;
  }

  function start(connection: Connection, script: string, stdin = false): RemoteProcess {
    const streams = { pipes: { stdin, stdout: true, stderr: true }, terminal: undefined };
    const rest = { environment: {}, channel: false, logArgument: undefined, initPid: undefined };
    const args = ['-c', script];
    return new RemoteProcess(connection, { execId: randomUUID(), program: 'sh', args, ...streams, ...rest });
  }

  async function expectToWork(connection: Connection): Promise<void> {
    const running = start(connection, 'echo out; echo err >&2; exit 42');
    const said = Promise.all([textOf(running.stdout), textOf(running.stderr)]);
    expect(await running.ended).to.deep.equal({ code: 42, signal: null });
    expect(await said).to.deep.equal(['out\n', 'err\n']);
    await running.release();
  }

  const FLUSH = `perl -e 'use POSIX; POSIX::tcflush(0, TCIFLUSH)'`;
  const SHELLS: Record<string, { script: () => string; options?: TerminalOptions }> = {
    'bash with a greeting and bracketed paste': {
      script: () => `echo 'Linux pve1'; echo 'Last login: today'; ${bash("bind 'set enable-bracketed-paste on'")}`,
    },
    'bash on 20 columns': { script: () => bash("PS1='\\u@\\h:\\w# '"), options: { columns: 20 } },
    'bash with a noisy prompt': {
      script: () =>
        bash(
          `PROMPT_COMMAND='sleep 0.05; printf "\\e]0;title\\a\\e[31mnoise\\e[0m\\n"; tput cup 3 3; history -a'; PS1='\\[\\e[1m\\]\\t $ '`,
        ),
    },
    'bash that gives up after a second': { script: () => bash('TMOUT=1') },
    dash: { script: () => 'exec dash -i' },
    "busybox's ash": { script: () => 'exec busybox ash -i' },
    'a login that takes long, and throws away what was typed': {
      script: () => `stty -echo; echo Welcome; sleep 0.7; ${FLUSH}; stty echo; ${bash('sleep 0.2')}`,
    },
    'a login that says nothing at first': { script: () => `sleep 0.8; ${bash('')}` },
  };

  for (const [what, { script, options }] of Object.entries(SHELLS)) {
    it(`is had with ${what}`, async () => {
      const { connection } = await connect(script(), options);
      expect(connection.login.user).to.equal('root');
      await expectToWork(connection);
      await expectToWork(connection);
      connection.close();
    });
  }

  it('carries every byte, both ways, more than the terminal holds', async () => {
    const { connection } = await connect(bash(''));
    const bytes = randomBytes(5 * 1024 * 1024);
    const running = start(connection, 'cat', true);
    const hash = createHash('sha256');
    const read = (async () => {
      for await (const chunk of running.stdout ?? []) hash.update(chunk as Buffer);
    })();
    running.stdin?.end(bytes);
    await read;
    expect(await running.ended).to.deep.equal({ code: 0, signal: null });
    expect(hash.digest('hex')).to.equal(createHash('sha256').update(bytes).digest('hex'));
    connection.close();
  });

  it('leaves nothing behind: no history, no shell, no program, and no command', async () => {
    const home = scratchDirectory();
    const history = join(home, 'history');
    const { connection, terminal } = await connect(bash(`HISTFILE=${history}; HISTCONTROL=`), {
      environment: { HOME: home },
    });
    const mark = `3${process.pid}3601`;
    const running = start(connection, `setsid sleep ${mark} & sleep ${mark}`);
    const sleeping = async (): Promise<number> =>
      (await must(['ps', '-eo', 'args='])).stdout.split('\n').filter((line) => line === `sleep ${mark}`).length;
    await waitFor(async () => (await sleeping()) === 2, { what: 'the commands', ...LIMIT });
    const processes = async (): Promise<string> =>
      (await must(['ps', '-eo', 'args='])).stdout
        .split('\n')
        .filter((line) => line.includes(name))
        .join('\n');
    const name = (await must(['ps', '-o', 'args=', '-p', String(terminal.pid)])).stdout.trim();
    expect(await processes()).to.include('perl -e');
    connection.close();
    expect((await running.ended).code).to.equal(null);
    await waitFor(async () => (await sleeping()) === 0, { what: 'the commands to end', ...LIMIT });
    await waitFor(async () => (await processes()) === '', { what: 'our program to end', ...LIMIT });
    expect(existsSync(history)).to.equal(false);
  });

  it('ends when the shell does not hear from us any more', async () => {
    const { connection, terminal } = await connect(bash(''), { silenceSeconds: 1 });
    const lost = new Promise<string>((resolve) => connection.listen({ frame() {}, lost: resolve }));
    expect(await lost).to.be.a('string');
    await terminal.ended;
  });

  it('is lost when others write to the terminal, and a command cannot pretend an end of its own', async () => {
    const { connection, terminal } = await connect(bash(''));
    // What a frame would look like that tells of success, as often as can be.
    const pretended = String.raw`X\0\0\0\0\1\0\0\0\6code 0`;
    const running = start(connection, `exec perl -e 'while (1) { print "${pretended}" x 100 }'`);
    running.stdout?.once('data', () => terminal.inject(Buffer.from('\r\nBroadcast message from root@pve1\r\n')));
    running.stdout?.resume();
    const end = await running.ended;
    expect(end).to.deep.include({ code: null, signal: null });
    expect('lost' in end && end.lost).to.match(/something else was written|not understood/);
  });

  async function failureOf(
    script: string,
    options?: TerminalOptions & ShellOptions,
  ): Promise<[LxcriError, LocalTerminal]> {
    const error = await connect(script, options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!isLxcriError(error)) throw error ?? new Error('it was connected');
    const [terminal] = open;
    if (terminal === undefined) throw new Error('there was no terminal');
    await terminal.ended;
    return [error, terminal];
  }

  it('types nothing into a question for a name or a password', async () => {
    for (const question of ['\\nDebian GNU/Linux 13 pve1 tty1\\n\\npve1 login: ', 'Password: ']) {
      const [error, terminal] = await failureOf(`printf '${question}'; exec cat`);
      expect(error.code).to.equal('AuthenticationFailed');
      expect(error.message).to.include('asks for a login');
      expect(terminal.typed()).to.equal('');
      open.splice(0);
    }
  });

  it('says what was to be seen when the shell ends', async () => {
    const [error] = await failureOf('echo This account is currently not available.; read -r line; exit 1');
    expect(error.code).to.equal('PlatformUnreachable');
    expect(error.message).to.include('This account is currently not available.');
  });

  it('says that the connection was lost when it is cut on the way to our program', async () => {
    for (const cutAt of ['echo', 'exec perl']) {
      const terminal = openLocalTerminal(['/bin/sh', '-c', bash('')]);
      open.push(terminal);
      const { promise: ended, resolve } = Promise.withResolvers<{ said: string }>();
      const input = new Writable({
        write(chunk: Buffer, _encoding, done) {
          if (chunk.includes(cutAt)) resolve({ said: 'read ECONNRESET' });
          else terminal.input.write(chunk);
          done();
        },
      });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error: unknown = await connectOverShell('pve1', { ...terminal, input, ended }).catch(
        (thrown: unknown) => thrown,
      );
      if (!isLxcriError(error)) throw error;
      expect(error.code, cutAt).to.equal('PlatformUnreachable');
      expect(error.message, cutAt).to.match(
        /^the connection to the shell of node pve1 was lost before it could be used \(read ECONNRESET\)/,
      );
    }
  });

  it('gives up when no shell answers', async () => {
    const [error] = await failureOf('echo Welcome; exec cat', { loginTimeoutMs: 1000 });
    expect(error.code).to.equal('PlatformUnreachable');
    expect(error.message).to.include('no shell answered within 1 s');
  });

  it('gives up when it is told to', async () => {
    const abort = new AbortController();
    const terminal = openLocalTerminal(['/bin/sh', '-c', 'exec sleep 300082']);
    const attempt = connectOverShell('pve1', terminal, { signal: abort.signal });
    const reason = new Error('not any more');
    abort.abort(reason);
    expect(await attempt.catch((thrown: unknown) => thrown)).to.equal(reason);
    await terminal.ended;
  });

  it('says that there is no perl', async () => {
    const directory = join(scratchDirectory(), 'bin');
    mkdirSync(directory);
    for (const name of ['bash', 'stty']) symlinkSync(findExecutable(name) ?? '', join(directory, name));
    const [error] = await failureOf(bash(''), { environment: { PATH: directory } });
    expect(error.code).to.equal('NoMethodAvailable');
    expect(error.message).to.equal('node pve1 has no perl');
  });
});
