/** `exec --detach`, `result` and `kill` as users and scripts call them, on a real container. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliOptions, CliResult, Word } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf, streamOf } from '../methods/contract/result.ts';
import { documentErrors } from '../model/schema.ts';
import { isRunning, processInfo } from '../support/proc.ts';
import { createPctDouble } from '../support/pve/pct-double.ts';
import { createPveTree } from '../support/pve/tree.ts';
import {
  assertNothingNew,
  DEFAULT_LXCPATH,
  processesMatching,
  run,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
  waitFor,
} from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';

const MIB = 1024 * 1024;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Stands for a secret in values that are never shown. */
const SECRET = 'hunter2-of-the-detached';

/** Who supervises an execution. */
interface Supervisor {
  readonly pid: number;
  readonly startTime: number;
}

describe('detached executions', () => {
  const state = scratchDirectory();
  const environment = { PROXMOX_LXCRI_STATE_DIR: join(state, 'lxcri') };
  const executions = join(state, 'lxcri', 'executions');
  let container: Container;
  let former: ProcessSnapshot;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    former = await snapshotProcesses(container);
  });

  after(() => container.destroy());

  afterEach('no process is left', () => assertNothingNew(container, former));

  function cli(words: readonly Word[], options: CliOptions = {}): Promise<CliResult> {
    return runCli(words, { ...options, env: { ...environment, ...options.env } });
  }

  /** Starts a command detached, and returns the execution's id. */
  async function detach(
    command: readonly Word[],
    flags: readonly Word[] = [],
    options: CliOptions = {},
  ): Promise<string> {
    const done = await cli(['exec', '-d', ...flags, container.name, '--', ...command], options);
    expect([done.exitCode, done.stderr.toString()]).to.deep.equal([0, '']);
    expect(done.stdout.toString()).to.match(/^[0-9a-f-]{36}\n$/);
    return done.stdout.toString().trim();
  }

  function detachScript(script: string, flags: readonly Word[] = []): Promise<string> {
    return detach(['sh', '-c', script], flags);
  }

  async function ended(id: string, ...flags: string[]): Promise<CliResult> {
    return cli(['result', id, '--wait', ...flags]);
  }

  function supervisorOf(id: string): Supervisor {
    return JSON.parse(readFileSync(join(executions, id, 'supervisor'), 'utf8')) as Supervisor;
  }

  function stored(): string[] {
    return existsSync(executions) ? readdirSync(executions) : [];
  }

  async function says(id: string, text: string): Promise<void> {
    const file = join(executions, id, 'stdout');
    await waitFor(() => readFileSync(file, 'utf8').includes(text), { what: `${id} to say ${text}` });
  }

  describe('the start', () => {
    it('prints the id, and the result comes later: streams apart, exit code, prefix of the id', async () => {
      const id = await detachScript('echo out; echo err >&2; cat; exit 42');
      const done = await ended(id.slice(0, 8));
      expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
    });

    it('prints a document with --json, before the command has ended', async () => {
      const words = ['exec', '-d', '--json', container.name, '--', 'sh', '-c', 'echo on; sleep 7001'];
      const done = await cli(words);
      const document = JSON.parse(done.stdout.toString()) as { id: string; startedAt: string };
      expect(documentErrors('exec-detached', document)).to.deep.equal([]);
      expect(document).to.deep.include({
        container: { id: container.name, name: container.name, platform: 'lxc' },
        method: 'lxc-attach',
        command: ['sh', '-c', 'echo on; sleep 7001'],
        error: null,
      });
      expect([done.exitCode, done.stderr.toString()]).to.deep.equal([0, '']);
      expect(isRunning(supervisorOf(document.id).pid)).to.equal(true);
      await cli(['kill', document.id, 'KILL']);
      const result = resultOf(await ended(document.id, '--json'));
      expect([result.id, result.startedAt]).to.deep.equal([document.id, document.startedAt]);
    });

    it('takes the words, variables, user and directory exactly', async () => {
      const env = `V=${SECRET} "\\ \n é`;
      const words = ['sh', '-c', 'printf "%s|" "$V" "$(id -u)" "$PWD" "$PROXMOX_LXCRI_EXEC_ID" "$@"', 'sh'];
      const id = await detach(
        [...words, '', 'a b', '-d', '--', Buffer.from([0xff, 0xfe]), '$(id)'],
        ['-e', env, '-u', '7:8', '-w', '/tmp'],
      );
      const expected = Buffer.concat([
        Buffer.from(`${env.slice(2)}|7|/tmp|${id}||a b|-d|--|`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('|$(id)|'),
      ]);
      const done = await ended(id);
      expect(done.stdout.equals(expected), done.stdout.toString('latin1')).to.equal(true);
    });

    it('fails as in the foreground, and leaves nothing', async () => {
      const calls: [string, ...Word[]][] = [
        ['CommandNotFound', container.name, '--', 'no-such-command'],
        ['CommandNotExecutable', container.name, '--', '/etc'],
        ['ContainerNotFound', 'no-such-container', '--', 'true'],
        ['UserNotFound', '-u', 'nobody-here', container.name, '--', 'true'],
        ['WorkdirNotFound', '-w', '/nowhere', container.name, '--', 'true'],
        ['NoMethodAvailable', '--method', 'pct', container.name, '--', 'true'],
        ['UsageError', '--timeout', 'soon', container.name, '--', 'true'],
        ['MissingCommand', container.name],
      ];
      const before = stored();
      for (const [code, ...words] of calls) {
        // oxlint-disable-next-line no-await-in-loop
        const [here, there, document] = await Promise.all([
          cli(['exec', ...words]),
          cli(['exec', '-d', ...words]),
          cli(['exec', '-d', '--json', ...words]),
        ]);
        expect(expectErrorLine(there.stderr, code)).to.equal(here.stderr.toString());
        expect([there.exitCode, there.stdout.toString()]).to.deep.equal([here.exitCode, '']);
        const result = resultOf(document);
        expect([result.exitCode, result.error?.code, result.started]).to.deep.equal([here.exitCode, code, false]);
      }
      expect(stored()).to.deep.equal(before);
    });

    it('refuses what a command that nobody waits for cannot have', async () => {
      for (const [flags, reason, input] of [
        [['-t'], /no terminal and no standard input/, undefined],
        [['-i'], /no terminal and no standard input/, 'input'],
        [['--lock', `plx-${process.pid}`], /--lock/, undefined],
        [['--only-on-failure'], /--only-on-failure/, undefined],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop
        const done = await cli(['exec', '-d', ...flags, container.name, '--', 'cat'], { stdin: input });
        expect(done.exitCode).to.equal(125);
        expect(expectErrorLine(done.stderr, 'UsageError')).to.match(reason);
      }
      await ended(await detach(['cat'], ['-i']));
    });

    it('leaves the input of a loop alone', async () => {
      const loop = 'printf "a\\nb\\n" | while read -r line; do "$0" exec -d "$1" -- echo "$line"; done';
      const { stdout } = await run(['bash', '-c', loop, CLI, container.name], {
        env: { ...process.env, ...environment },
      });
      const outputs = await Promise.all(
        stdout
          .trim()
          .split('\n')
          .map((id) => ended(id)),
      );
      expect(outputs.map((done) => done.stdout.toString())).to.deep.equal(['a\n', 'b\n']);
    });

    it('works with every standard stream closed', async () => {
      const before = new Set(stored());
      const { exitCode } = await run(
        ['bash', '-c', '"$0" exec -d "$1" -- sh -c "echo out; exit 3" <&- >&- 2>&-', CLI, container.name],
        { env: { ...process.env, ...environment } },
      );
      // Its id could not be told to anybody.
      expect(exitCode).to.equal(255);
      const [id = ''] = stored().filter((name) => !before.has(name));
      const done = await ended(id);
      expect([done.exitCode, done.stdout.toString()]).to.deep.equal([3, 'out\n']);
    });

    it('says the id on standard error where standard output is closed', async () => {
      const { exitCode, stderr } = await run(['bash', '-c', '"$0" exec -d "$1" -- true >&-', CLI, container.name], {
        env: { ...process.env, ...environment },
      });
      const id = /execution (\S+) was started/.exec(stderr)?.[1] ?? '';
      expect([exitCode, (await ended(id)).exitCode]).to.deep.equal([255, 0]);
    });

    it('is canceled by Ctrl-C for as long as the command has not started', async () => {
      const tree = createPveTree({ node: 'pve1', containers: [{ vmid: VMID, hostname: 'slow' }] });
      const bin = scratchDirectory();
      writeFileSync(join(bin, 'pct'), '#!/bin/sh\nexec sleep 7002\n', { mode: 0o755 });
      const slow = await startContainer({ kind: 'busybox', name: String(VMID), lxcpath: DEFAULT_LXCPATH });
      const before = stored();
      try {
        const call = startCli(['exec', '-d', '--method', 'pct', 'slow', '--', 'true'], {
          env: { ...environment, PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: `${bin}:${process.env['PATH']}` },
        });
        const id = await waitFor(() => stored().find((name) => UUID.test(name) && !before.includes(name)), {
          what: 'the supervisor to begin',
        });
        await waitFor(() => supervisorChildren(id).some((args) => args === 'sleep 7002'), { what: 'pct to run' });
        call.child.kill('SIGINT');
        const { exitCode, stdout } = await call.ended;
        expect([exitCode, stdout.toString(), stored()]).to.deep.equal([130, '', before]);
      } finally {
        await slow.destroy();
      }
    });

    function supervisorChildren(id: string): string[] {
      const { pid } = supervisorOf(id);
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
      return children.map((child) => processInfo(Number(child))?.args ?? '');
    }

    it('works through pct, found in the PATH of the caller', async () => {
      const tree = createPveTree({ node: 'pve1', containers: [{ vmid: VMID + 1, hostname: 'web' }] });
      const pct = createPctDouble({ pveDir: tree.dir });
      const env = { PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: `${pct.bin}:${process.env['PATH']}` };
      const guest = await startContainer({ kind: 'busybox', name: String(VMID + 1), lxcpath: DEFAULT_LXCPATH });
      try {
        const done = await cli(['exec', '-d', 'web', '--', 'sh', '-c', 'echo "$0"; exit 4', 'x y'], { env });
        expect(done.stderr.toString()).to.equal('');
        const result = resultOf(await ended(done.stdout.toString().trim(), '--json'));
        expect([result.method, result.exitCode, result.stdout]).to.deep.equal(['pct', 4, 'x y\n']);
        expect(result.container).to.deep.equal({
          id: String(VMID + 1),
          name: 'web',
          platform: 'proxmox',
          node: 'pve1',
        });
      } finally {
        await guest.destroy();
      }
    });
  });

  describe('secrets', () => {
    it('are on no command line, in no file, and in no environment but the command and its helper', async () => {
      const id = await detach(['sleep', '7003'], ['-e', `TOKEN=${SECRET}`]);
      const { pid } = supervisorOf(id);
      const lines = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => processInfo(Number(name))?.args ?? '');
      expect(lines.filter((line) => line.includes(SECRET))).to.deep.equal([]);
      expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.to.include(SECRET);
      await cli(['kill', id, 'KILL']);
      await ended(id);
      const folder = join(executions, id);
      for (const file of readdirSync(folder)) expect(readFileSync(join(folder, file), 'utf8')).not.to.include(SECRET);
    });

    it('are kept from other users: everything is ours alone', async () => {
      const id = await detachScript('echo out; sleep 0.3');
      const modes = (path: string): string[] => [
        `${path.slice(state.length)} ${(statSync(path).mode & 0o777).toString(8)} ${statSync(path).uid}`,
        ...(statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => modes(join(path, name))) : []),
      ];
      const wrong = modes(join(state, 'lxcri')).filter((line) => !/ (700|600) 0$/.test(line));
      expect(wrong).to.deep.equal([]);
      await ended(id);
    });
  });

  describe('the supervisor', () => {
    it('has nothing of its caller: session, directory, descriptors, environment', async () => {
      const line = `exec 8</etc/hostname 20</ 21>"$2/lock"; cd "$2"; HIDDEN=1 "$0" exec -d "$1" -- sleep 7004`;
      const { stdout } = await run(['bash', '-c', line, CLI, container.name, state], {
        env: { ...process.env, ...environment },
      });
      const id = stdout.trim();
      const { pid } = supervisorOf(id);
      const links = readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), readlinkSync(`/proc/${pid}/fd/${fd}`)]);
      const files = links.filter(([, path]) => !/^(anon_inode|pipe|socket):/.test(String(path)));
      const own = (path: unknown): boolean => path === '/dev/null' || String(path).startsWith(join(executions, id));
      // A named pipe of the command's, unlinked at once.
      const foreign = files.filter(
        ([, path]) => !own(path) && !/^\/run\/proxmox-lxcri\/.* \(deleted\)$/.test(String(path)),
      );
      expect(foreign).to.deep.equal([]);
      expect(links.filter(([fd]) => Number(fd) < 3).map(([, path]) => path)).to.deep.equal(Array(3).fill('/dev/null'));
      const [, , , , , session, terminal] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
      expect([Number(session), terminal, readlinkSync(`/proc/${pid}/cwd`)]).to.deep.equal([pid, '0', '/']);
      expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.to.include('HIDDEN');
      await cli(['kill', id, 'KILL']);
      await ended(id);
    });

    it('keeps a limited part of the output, at little memory', async () => {
      const id = await detachScript(
        `head -c ${128 * MIB} /dev/zero | tr "\\0" x; printf €€ >&2; read -r _ </tmp/gate-memory; exit 6`,
        ['--max-output', String(MIB)],
      );
      await container.attach(['mkfifo', '/tmp/gate-memory']);
      const { pid } = supervisorOf(id);
      await waitFor(() => readFileSync(join(executions, id, 'stderr')).length > 0, {
        what: 'the output to be written',
        timeoutMs: 30_000,
      });
      const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
      await container.attach(['sh', '-c', 'echo >/tmp/gate-memory']);
      const result = resultOf(await ended(id, '--json'));
      expect(result).to.deep.include({ exitCode: 6, truncated: true, stderr: '€€', outputIncomplete: false });
      expect(result.stdout).to.equal('x'.repeat(MIB));
      expect(peak).to.be.within(MIB, 100 * MIB);
      const replay = await ended(id);
      expect([replay.exitCode, replay.stdout.length]).to.deep.equal([6, MIB]);
      expect(replay.stderr.toString()).to.match(/^€€proxmox-lxcri: the output is not complete: .*--max-output/);
    });

    it('leaves text that was cut in a character as text', async () => {
      const result = resultOf(await ended(await detach(['printf', 'ab€'], ['--max-output', '3']), '--json'));
      expect([result.stdoutEncoding, result.stdout, result.truncated]).to.deep.equal(['utf8', 'ab', true]);
    });

    it('runs a command to its end although the disk is full, and says so', async () => {
      const script = `
        mount -t tmpfs -o size=256k,mode=700 none "$2" && export PROXMOX_LXCRI_STATE_DIR="$2/s" || exit 99
        id=$("$0" exec -d "$1" -- sh -c 'head -c 1000000 /dev/zero | tr "\\0" x; echo more >&2; touch /tmp/at-the-end; exit 9') || exit 98
        "$0" result "$id" --wait --json || [ $? = 9 ] || exit 97
        df --output=avail "$2" | tail -n 1 >&2
        "$0" result "$id" 2>&1 >/dev/null | grep -c ENOSPC >&2
        head -c 1000000 /dev/zero >"$2/rest" 2>/dev/null
        "$0" exec -d "$1" -- touch /tmp/must-not-be-there; echo $? >&2`;
      const directory = scratchDirectory();
      const done = await run(['unshare', '--mount', 'bash', '-c', script, CLI, container.name, directory]);
      const [available = '', told, refusal = '', refused] = done.stderr.split('\n');
      expect([told, refused]).to.deep.equal(['1', '125']);
      // In KiB; no more than what the result did not need of the room that was set aside for it.
      expect(Number(available)).to.be.at.most(16);
      expectErrorLine(Buffer.from(`${refusal}\n`), 'PlatformUnreachable');
      const result = JSON.parse(done.stdout) as { exitCode: number; truncated: boolean; stdout: string };
      expect([result.exitCode, result.truncated]).to.deep.equal([9, true]);
      expect(result.stdout).to.match(/^x{100000,}$/);
      expect((await container.attach(['ls', '/tmp/at-the-end', '/tmp/must-not-be-there'])).stdout).to.equal(
        '/tmp/at-the-end\n',
      );
    });

    it('ends the command when its time is over, and says so', async () => {
      const script = 'echo on; trap "" TERM; sleep 7005; sleep 7006';
      const limited = async (limitMs: number) => {
        const flags = ['--timeout', `${limitMs}ms`, '--kill-after', '200ms'];
        const call = await cli(['exec', '-d', ...flags, container.name, '--', 'sh', '-c', script]);
        const made = call.stdout.toString().trim();
        return { id: made, done: call.exitCode === 0 ? await ended(made) : call };
      };
      const { id, done } = await withLimit(300, limited, (made) => made.done.stdout.toString() === 'on\n');
      expect([done.exitCode, done.stdout.toString()]).to.deep.equal([124, 'on\n']);
      expectErrorLine(done.stderr, 'ExecutionTimeout');
      expect(resultOf(await ended(id, '--json'))).to.deep.include({ timedOut: true, treeKill: true });
    });

    it('leaves no process and an honest result behind when it is killed itself', async () => {
      const id = await detachScript('echo on; sleep 7007');
      await says(id, 'on');
      const waiting = ended(id);
      process.kill(supervisorOf(id).pid, 'SIGKILL');
      const done = await waiting;
      expect([done.exitCode, done.stdout.toString()]).to.deep.equal([255, 'on\n']);
      expectErrorLine(done.stderr, 'ConnectionLost');
      expect(resultOf(await ended(id, '--json'))).to.deep.include({ connectionLost: true, stdout: 'on\n' });
      await waitFor(async () => (await processesMatching(container, '7007')).length === 0, { what: 'the tree to end' });
    });

    it('asks the command to end when it is asked to itself, as at a shutdown', async () => {
      const id = await detachScript('trap "echo bye; exit 5" TERM; echo on; sleep 7008 & wait');
      await says(id, 'on');
      process.kill(supervisorOf(id).pid, 'SIGTERM');
      const result = resultOf(await ended(id, '--json'));
      expect([result.exitCode, result.stdout, result.canceled]).to.deep.equal([5, 'on\nbye\n', true]);
    });
  });

  describe('the result', () => {
    it('is replayed byte for byte, and says the same as exec --json', async () => {
      const script = 'head -c 300000 /dev/urandom | tee /tmp/random; printf "\\377\\000" >&2; exit 3';
      const id = await detachScript(script);
      const replay = await ended(id);
      const expected = (await container.attach(['cat', '/tmp/random'])).stdoutBytes;
      expect([replay.exitCode, sha(replay.stdout), replay.stderr.toString('latin1')]).to.deep.equal([
        3,
        sha(expected),
        '\u00ff\0',
      ]);
      const result = resultOf(await ended(id, '--json'));
      expect(sha(streamOf(result, 'stdout'))).to.equal(sha(expected));
      expect(result).to.deep.include({ id, command: ['sh', '-c', script], method: 'lxc-attach', error: null });
      const short = resultOf(await ended(id, '--json', '--max-output', '1KiB'));
      expect([streamOf(short, 'stdout').length, short.truncated]).to.deep.equal([1024, true]);
    });

    it('is refused while the command runs, and waited for by any number with --wait', async () => {
      const id = await detachScript('mkfifo /tmp/gate-wait; echo on; read -r _ </tmp/gate-wait; exit 8');
      await says(id, 'on');
      const early = await cli(['result', id]);
      expect(early.exitCode).to.equal(125);
      expect(expectErrorLine(early.stderr, 'ExecutionRunning')).to.match(/still running, since .*--wait/);
      const document = await cli(['result', id, '--json']);
      expect(JSON.parse(document.stdout.toString())).to.have.nested.property('error.code', 'ExecutionRunning');
      const { pid } = supervisorOf(id);
      const connections = (): number =>
        readdirSync(`/proc/${pid}/fd`).filter((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:'))
          .length;
      const alone = connections();
      const waiters = [1, 2, 3].map(() => startCli(['result', id, '--wait'], { env: environment }));
      await waitFor(() => connections() === alone + 3, { what: 'the waiting to begin' });
      // One that is stopped stops nothing else.
      waiters[0]?.child.kill('SIGTERM');
      expect((await waiters[0]?.ended)?.signal ?? 'exited').to.equal('SIGTERM');
      await container.attach(['sh', '-c', 'echo >/tmp/gate-wait']);
      const others = await Promise.all(waiters.slice(1).map((waiter) => waiter.ended));
      expect(others.map(({ exitCode, stdout }) => [exitCode, stdout.toString()])).to.deep.equal([
        [8, 'on\n'],
        [8, 'on\n'],
      ]);
    });

    it('is removed with --rm once it is printed, and not when it could not be', async () => {
      const id = await detachScript('echo out; exit 2');
      await ended(id);
      const full = await run(['bash', '-c', '"$0" result "$1" --rm >/dev/full', CLI, id], {
        env: { ...process.env, ...environment },
      });
      expect(full.exitCode).to.equal(2);
      expectErrorLine(Buffer.from(full.stderr), 'ConnectionLost');
      expect((await ended(id, '--rm')).stdout.toString()).to.equal('out\n');
      const gone = await ended(id);
      expect(gone.exitCode).to.equal(125);
      expectErrorLine(gone.stderr, 'InvalidExecutionId');
      expect(stored().filter((name) => name.includes(id))).to.deep.equal([]);
    });

    it('never is a success when it cannot be printed', async () => {
      const id = await detachScript('head -c 300000 /dev/zero');
      await ended(id);
      const line = `"$0" result "$1" >/dev/full 2>/dev/null; echo $?; "$0" result "$1" >&- 2>/dev/null; echo $?
        "$0" result "$1" | true; echo \${PIPESTATUS[0]}`;
      const done = await run(['bash', '-c', line, CLI, id], { env: { ...process.env, ...environment } });
      expect(done.stdout).to.equal('255\n255\n141\n');
    });

    it('of all is a list', async () => {
      const id = await detachScript('echo on; sleep 7009 #\u001b[31m');
      const { stdout, exitCode } = await cli(['result']);
      const lines = stdout.toString().split('\n');
      expect([exitCode, lines[0]]).to.deep.equal([0, lines[0]]);
      expect(lines[0]).to.match(/^ID {2,}CONTAINER {2,}COMMAND {2,}STATUS {2,}STARTED {2,}EXIT CODE$/);
      expect(lines[1]).to.match(new RegExp(`^${id.slice(0, 13)} +${container.name} +sh -c .* running +20.*Z +-$`));
      expect(stdout.toString()).not.to.include('\u001b');
      const document = JSON.parse((await cli(['result', '--json'])).stdout.toString()) as { executions: object[] };
      expect(documentErrors('executions', document)).to.deep.equal([]);
      expect(document.executions[0]).to.deep.include({
        id,
        container: container.name,
        status: 'running',
        exitCode: null,
      });
      await cli(['kill', id, 'KILL']);
      await ended(id);
    });

    it('is for root', async () => {
      // The capability lets it read this project wherever it is.
      const asNobody =
        'setpriv --reuid 65534 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search';
      const done = await run(['sh', '-c', `${asNobody} "$0" result`, CLI], {
        env: { ...process.env, ...environment },
      });
      expect(done.exitCode).to.equal(125);
      expect(done.stderr).to.match(/^proxmox-lxcri: PermissionDenied: .*sudo proxmox-lxcri result\n$/);
    });
  });

  describe('kill', () => {
    it('asks the command to end, with TERM or the named signal', async () => {
      const script = 'for s in TERM INT HUP; do trap "echo $s; exit 3" $s; done; echo on; sleep 7010 & wait';
      for (const [words, caught] of [
        [[], 'TERM'],
        [['INT'], 'INT'],
        [['1'], 'HUP'],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop
        const id = await detachScript(script);
        // oxlint-disable-next-line no-await-in-loop
        await says(id, 'on');
        // oxlint-disable-next-line no-await-in-loop
        const done = await cli(['kill', id.slice(0, 12), ...words]);
        // It waits a second for the end; on a busy machine that comes later.
        const said = new RegExp(`^execution ${id} (has ended: exit code 3|got SIG${caught})\n$`);
        expect([done.exitCode, said.test(done.stdout.toString())], done.stdout.toString()).to.deep.equal([0, true]);
        // oxlint-disable-next-line no-await-in-loop
        const result = resultOf(await ended(id, '--json'));
        expect([result.stdout, result.canceled]).to.deep.equal([`on\n${caught}\n`, true]);
      }
    });

    it('starts the clock after which everything is killed', async () => {
      const id = await detachScript('trap "" TERM; echo on; sleep 7011; sleep 7012', ['--kill-after', '1500ms']);
      await says(id, 'on');
      const document = JSON.parse((await cli(['kill', id, '--json'])).stdout.toString()) as object;
      expect(documentErrors('kill-execution', document)).to.deep.equal([]);
      expect(document).to.deep.include({ execution: { id, status: 'running', exitCode: null }, signal: 'SIGTERM' });
      expect(resultOf(await ended(id, '--json'))).to.deep.include({ exitCode: 137, canceled: true, treeKill: true });
    });

    it('ends the whole tree at once with KILL', async () => {
      const id = await detachScript('trap "" TERM INT; setsid sleep 7013 & echo on; sleep 7014');
      await says(id, 'on');
      const done = await cli(['kill', id, 'KILL']);
      expect([done.exitCode, done.stdout.toString()]).to.deep.equal([0, `execution ${id} has ended: exit code 137\n`]);
      expect(await processesMatching(container, id)).to.deep.equal([]);
      expect(resultOf(await ended(id, '--json'))).to.deep.include({ exitCode: 137, canceled: true, stdout: 'on\n' });
    });

    it('only passes USR1 on', async () => {
      const id = await detachScript('trap "echo usr1" USR1; echo on; sleep 7015 & wait; wait; exit 1');
      await says(id, 'on');
      expect((await cli(['kill', id, 'USR1'])).stdout.toString()).to.equal(`execution ${id} got SIGUSR1\n`);
      await says(id, 'usr1');
      await cli(['kill', id, 'KILL']);
      expect(resultOf(await ended(id, '--json')).stdout).to.equal('on\nusr1\n');
    });

    it('says what cannot be done', async () => {
      const id = await detachScript('exit 3');
      await ended(id);
      const unknown = '00000000-0000-4000-8000-000000000000';
      for (const [words, code, says_] of [
        [[id], 'InvalidExecutionId', /does not run any more \(exit code 3\)/],
        [[unknown], 'InvalidExecutionId', /no detached execution/],
        [[id, 'STOP'], 'UsageError', /SIGSTOP cannot be sent to a detached command; use one of: TERM/],
        [['no-such-container'], 'ContainerNotFound', /no container/],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop
        const done = await cli(['kill', ...words]);
        expect(done.exitCode).to.equal(125);
        expect(expectErrorLine(done.stderr, code)).to.match(says_);
      }
    });
  });

  describe('old results', () => {
    it('are removed by the next start, and running executions never', async () => {
      const [old, young, running] = [
        await detachScript('exit 1'),
        await detachScript('exit 1'),
        await detachScript('sleep 7016'),
      ];
      await Promise.all([ended(old), ended(young)]);
      const eightDaysAgo = Date.now() / 1000 - 8 * 86_400;
      for (const path of [join(old, 'result.json'), running])
        utimesSync(join(executions, path), eightDaysAgo, eightDaysAgo);
      await ended(await detachScript('exit 0'));
      await waitFor(() => !stored().some((name) => name.includes(old)), { what: 'the old result to be removed' });
      expect(stored()).to.include.members([young, running]);
      await cli(['kill', running, 'KILL']);
      expect((await ended(running)).exitCode).to.equal(137);
    });
  });

  describe('outlive their caller', () => {
    const COUNT = 50;

    it(`all ${COUNT} of a script that is killed with its whole process group`, async function () {
      this.timeout(120_000);
      // Eight at a time; each command waits for the gate, so that all run when the script is killed.
      const command =
        'while [ ! -e /tmp/gate-many ]; do sleep 0.3; done; echo "out $0 $V"; echo "err $0" >&2; exit "$0"';
      const script = `
        for i in $(seq 0 ${COUNT - 1}); do
          "$0" exec -d -e "V=v$i" "$1" -- sh -c '${command}' "$i" >"$2/$i.id" &
          [ $((i % 8)) != 7 ] || wait
        done
        wait; touch "$2/all"; sleep 7017`;
      const ids = scratchDirectory();
      const child = spawn('bash', ['-c', script, CLI, container.name, ids], {
        detached: true,
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const exited = new Promise((resolve) => child.on('exit', resolve));
      try {
        await waitFor(() => existsSync(join(ids, 'all')), { what: `${COUNT} starts`, timeoutMs: 60_000 });
      } finally {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      }
      await exited;
      await container.attach(['touch', '/tmp/gate-many']);
      const all = Array.from({ length: COUNT }, (_, index) => readFileSync(join(ids, `${index}.id`), 'utf8').trim());
      expect(new Set(all.filter((id) => UUID.test(id))).size).to.equal(COUNT);
      for (const [index, id] of all.entries()) {
        // oxlint-disable-next-line no-await-in-loop
        const done = await ended(id);
        expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([
          index,
          `out ${index} v${index}\n`,
          `err ${index}\n`,
        ]);
      }
    });

    it('or were never started, when it is killed at any moment of the start', async function () {
      this.timeout(120_000);
      const begin = performance.now();
      const first = await detach(['true']);
      const wholeMs = performance.now() - begin;
      await ended(first);
      const before = new Set(stored());
      const COUNT_KILLED = 24;
      const supervisors = (): number[] =>
        readdirSync('/proc')
          .map(Number)
          .filter((pid) => pid > 0 && (processInfo(pid)?.args ?? '').includes(' supervise '));
      const foreign = new Set(supervisors());
      await container.attach(['mkdir', '-p', '/tmp/ran']);
      for (let index = 0; index < COUNT_KILLED; index++) {
        const child = spawn(
          CLI,
          ['exec', '-d', container.name, '--', 'sh', '-c', 'touch "/tmp/ran/$0"; exit 7', String(index)],
          {
            detached: true,
            env: { ...process.env, ...environment },
            stdio: 'ignore',
          },
        );
        const exited = new Promise((resolve) => child.on('exit', resolve));
        // Spread over the whole start; the last one has all the time it needs.
        const killedAfter = new Promise((resolve) => setTimeout(resolve, (index * wholeMs) / COUNT_KILLED));
        // oxlint-disable-next-line no-await-in-loop
        await (index === COUNT_KILLED - 1 ? exited : killedAfter);
        try {
          process.kill(-(child.pid ?? 0), 'SIGKILL');
        } catch {
          // It has ended already.
        }
        // oxlint-disable-next-line no-await-in-loop
        await exited;
      }
      await waitFor(() => supervisors().every((pid) => foreign.has(pid)), {
        what: 'all supervisors to end',
        timeoutMs: 20_000,
      });
      const added = stored().filter((name) => !before.has(name));
      expect(added.filter((name) => !UUID.test(name))).to.deep.equal([]);
      const results = await Promise.all(added.map((id) => cli(['result', id, '--json'])));
      const ran = results.map((done) => resultOf(done)).map(({ exitCode, command }) => `${exitCode} ${command.at(-1)}`);
      const touched = (await container.attach(['ls', '/tmp/ran'])).stdout.split('\n').filter(Boolean);
      expect(ran.toSorted()).to.deep.equal(touched.map((name) => `7 ${name}`).toSorted());
      expect(ran.length, 'some were started').to.be.within(1, COUNT_KILLED);
    });

    it('not when there never was a complete request', async () => {
      const before = stored();
      const script = join(CLI, '..', '..', 'dist', 'start.cjs');
      const child = spawn(process.execPath, [script, 'supervise', 'x'], {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      });
      const exited = new Promise((resolve) => child.on('exit', resolve));
      const channel = child.stdio[3] as import('node:net').Socket;
      channel.end('{"id":"00000000-0000-4000-8000-000000000000","directory":');
      expect([await exited, stored()]).to.deep.equal([0, before]);
    });
  });
});

/** High, and different in each run: containers of a Proxmox node stand in LXC's own directory. */
const VMID = 600_000_000 + (process.pid % 1_000_000) * 100;

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
