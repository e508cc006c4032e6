/** Containers as they are on Proxmox: their kinds, and the states they are in or get into. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliResult, RunningCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { assertNothingNew, processesIn, run, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import type { Container, Kind } from '../support/lxc.ts';

/** Longer than any part of ending a command takes by design (a helper that does not end, a tree that resists). */
const BOUND_MS = 20_000;

/** What there is in an environment with one variable of the user's. */
const NAMES = ['A', 'HOME', 'LANG', 'PATH', 'PROXMOX_LXCRI_EXEC_ID', 'USER', 'container'];

async function appears(container: Container, commandLine: string): Promise<void> {
  await waitFor(async () => (await processesIn(container)).some(({ args }) => args === commandLine), {
    what: `${commandLine} to run in ${container.name}`,
  });
}

function describeContainer(
  title: string,
  options: { kind: Kind; unprivileged?: boolean },
  tests: (container: () => Container) => void,
): void {
  describe(title, () => {
    let container: Container | undefined;
    before(async () => {
      container = await startContainer(options);
    });
    after(() => container?.destroy());
    tests(() => {
      if (container === undefined) throw new Error('the container has not been started');
      return container;
    });
  });
}

const WITH_SHELL: { kind: Kind; unprivileged: boolean }[] = [
  { kind: 'debian', unprivileged: false },
  { kind: 'debian', unprivileged: true },
  { kind: 'alpine-like', unprivileged: false },
  { kind: 'alpine-like', unprivileged: true },
  { kind: 'systemd', unprivileged: false },
];

for (const options of WITH_SHELL) {
  const { kind, unprivileged } = options;
  describeContainer(`${unprivileged ? 'an unprivileged' : 'a privileged'} ${kind} container`, options, (container) => {
    async function resultIn(flags: readonly string[], command: readonly string[]) {
      return resultOf(await runCli(['exec', '--json', ...flags, container().name, '--', ...command]));
    }

    it('keeps streams and exit code apart', async () => {
      const result = await resultIn([], ['sh', '-c', 'echo out; echo err >&2; exit 42']);
      expect(result).to.deep.include({ exitCode: 42, stdout: 'out\n', stderr: 'err\n', error: null });
    });

    it('gets every word', async () => {
      const words = ['', 'a b', '\nl', '*', '$HOME', '-u', 'ä€'];
      expect((await resultIn([], ['printf', '%s|', ...words])).stdout).to.equal(`${words.join('|')}|`);
      expect((await resultIn([], ['test', 'a', '=', 'a'])).exitCode).to.equal(0);
    });

    it('has the environment of a login, and no more', async () => {
      const { stdout } = await resultIn(['-e', 'A= 1\n2'], ['cat', '/proc/self/environ']);
      const entries = stdout.split('\0').filter(Boolean);
      expect(entries).to.include.members(['HOME=/root', 'USER=root', 'LANG=C.UTF-8', 'container=lxc', 'A= 1\n2']);
      expect(entries.map((entry) => entry.split('=')[0])).to.have.members(NAMES);
    });

    it('is root’s, and app has its groups and home', async () => {
      const who = ['sh', '-c', 'echo $(id -u):$(id -g) $(id -G) $HOME $USER'];
      expect((await resultIn([], who)).stdout).to.equal('0:0 0 /root root\n');
      expect((await resultIn(['-u', 'app'], who)).stdout).to.equal('1000:1000 1000 2000 2001 /home/app app\n');
      expect((await resultIn(['-u', '1234:2345'], who)).stdout).to.equal('1234:2345 2345 /\n');
      expect((await resultIn(['-u', 'nosuch'], who)).error?.code).to.equal('UserNotFound');
    });

    it('refuses ids that it does not have, before anything runs', async () => {
      if (!unprivileged) return;
      for (const user of ['70000', '0:65536', 'root:70000']) {
        // oxlint-disable-next-line no-await-in-loop
        const done = await runCli(['exec', '-u', user, container().name, '--', 'id']);
        expect(done.exitCode, user).to.equal(125);
        expectErrorLine(done.stderr, 'UserNotFound');
      }
    });

    it('tells no such command from one that cannot run', async () => {
      expect((await resultIn([], ['no-such-command'])).error?.code).to.equal('CommandNotFound');
      expect((await resultIn([], ['/etc/passwd'])).error?.code).to.equal('CommandNotExecutable');
      expect(await resultIn([], ['sh', '-c', 'exit 127'])).to.deep.include({ exitCode: 127, error: null });
    });

    it('holds nothing of a command that timed out', async () => {
      const before = await snapshotProcesses(container());
      const script = `(env -i setsid sleep 4001 &); trap '' TERM; sleep 4002 & echo begun; sleep 4003; sleep 4004`;
      const result = await withLimit(
        500,
        (limitMs) => resultIn(['--timeout', `${limitMs}ms`, '--kill-after', '300ms'], ['sh', '-c', script]),
        ({ stdout }) => stdout !== '',
      );
      expect(result).to.deep.include({ exitCode: 124, timedOut: true, treeKill: true });
      await assertNothingNew(container(), before);
    });

    it('holds nothing of a command whose caller was killed', async () => {
      const before = await snapshotProcesses(container());
      const cli = startCli(['exec', container().name, '--', 'sh', '-c', 'setsid sleep 4005 & sleep 4006; true']);
      await appears(container(), 'sleep 4006');
      cli.child.kill('SIGKILL');
      await assertNothingNew(container(), before);
    });

    it('gives a terminal', async () => {
      const result = await resultIn(['-t'], ['sh', '-c', 'stty size; test -t 2 && echo tty']);
      expect(result.stdout).to.equal('24 80\r\ntty\r\n');
    });

    if (kind === 'debian') {
      it('runs bash, and its programs', async () => {
        const script = 'set -o pipefail; a=(1 2 3); printf "%s" "${a[@]}" | base64 --wrap=0; exit "${PIPESTATUS[0]}"';
        expect(await resultIn([], ['bash', '-c', script])).to.deep.include({ exitCode: 0, stdout: 'MTIz' });
      });
    }

    if (kind === 'systemd') {
      it('answers systemctl, and keeps a service that the command has started', async () => {
        expect((await resultIn([], ['systemctl', 'is-system-running'])).stdout).to.match(/^(running|degraded)\n$/);
        const before = await snapshotProcesses(container());
        const started = await resultIn([], ['systemd-run', '--quiet', '--unit=plx-test', 'sleep', '4007']);
        expect(started).to.deep.include({ exitCode: 0, error: null });
        await appears(container(), '/usr/bin/sleep 4007');
        expect((await resultIn([], ['systemctl', 'stop', 'plx-test'])).exitCode).to.equal(0);
        await assertNothingNew(container(), before);
      });
    }
  });
}

for (const unprivileged of [false, true]) {
  const title = `${unprivileged ? 'an unprivileged' : 'a privileged'} container without a shell`;
  describeContainer(title, { kind: 'noshell', unprivileged }, (container) => {
    function exec(flags: readonly string[], command: readonly string[]): Promise<CliResult> {
      return runCli(['exec', ...flags, container().name, '--', ...command]);
    }

    async function expectError(flags: string[], command: string[], exitCode: number, code: string, says: RegExp) {
      const text = await exec(flags, command);
      expect([text.exitCode, text.stdout.toString()]).to.deep.equal([exitCode, '']);
      expect(expectErrorLine(text.stderr, code)).to.match(says);
      const result = resultOf(await exec(['--json', ...flags], command));
      expect([result.exitCode, result.error?.code, result.started, result.stderr]).to.deep.equal([
        exitCode,
        code,
        false,
        '',
      ]);
    }

    it('runs commands, with every word and stream as it is', async () => {
      const words = ['', 'a b', '\nl', '*', '$HOME', '-u', 'ä€'];
      const { exitCode, stdout, stderr } = await exec([], ['printf', '%s|', ...words]);
      expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([0, `${words.join('|')}|`, '']);
      const piped = await runCli(['exec', container().name, '--', 'cat'], { stdin: 'in\n' });
      expect([piped.exitCode, piped.stdout.toString()]).to.deep.equal([0, 'in\n']);
    });

    it('passes exit codes and standard error through', async () => {
      expect((await exec([], ['true'])).exitCode).to.equal(0);
      expect((await exec([], ['false'])).exitCode).to.equal(1);
      const { exitCode, stdout, stderr } = await exec([], ['cat', '/no/such']);
      expect([exitCode, stdout.toString()]).to.deep.equal([1, '']);
      expect(stderr.toString()).to.match(/^cat: .*No such file or directory\n$/);
      const result = resultOf(await exec(['--json'], ['cat', '/no/such']));
      expect(result).to.deep.include({ exitCode: 1, started: true, error: null, method: 'lxc-attach' });
      expect(result.stderr).to.equal(stderr.toString());
    });

    it('says exactly what cannot be run', async () => {
      await expectError([], ['no-such-command'], 127, 'CommandNotFound', /"no-such-command"/);
      await expectError([], ['/no/such/command'], 127, 'CommandNotFound', /"\/no\/such\/command"/);
      await expectError([], ['/etc/passwd'], 126, 'CommandNotExecutable', /"\/etc\/passwd"/);
      await expectError([], ['/etc'], 126, 'CommandNotExecutable', /"\/etc"/);
    });

    it('has a clean environment, and what -e sets', async () => {
      const flags = ['-e', 'A= 1\n2', '-e', 'HOME=/tmp'];
      const words = ['exec', ...flags, container().name, '--', 'cat', '/proc/self/environ'];
      const { stdout } = await runCli(words, { env: { SECRET: 'of the host', TERM: 'of-the-host', LC_ALL: 'C' } });
      const entries = stdout.toString().split('\0').filter(Boolean);
      expect(entries).to.include.members(['A= 1\n2', 'HOME=/tmp', 'USER=root', 'LANG=C.UTF-8', 'container=lxc']);
      expect(entries.map((entry) => entry.split('=')[0])).to.have.members(NAMES);
    });

    it('has the usual mask, and refuses variables that the shell on the way would change or obey', async () => {
      const words = ['exec', container().name, '--', 'cat', '/proc/self/status'];
      const { stdout } = await run(['sh', '-c', 'umask 0177; exec "$0" "$@"', CLI, ...words]);
      expect(stdout).to.match(/^Umask:\t0022$/m);
      await expectError(['-e', 'PWD=/x'], ['true'], 125, 'NoMethodAvailable', /no \/bin\/sh.*PWD/);
      await expectError(['-e', 'SHELLOPTS=xtrace'], ['true'], 125, 'NoMethodAvailable', /no \/bin\/sh.*SHELLOPTS/);
    });

    it('runs as UID:GID', async () => {
      const { exitCode, stdout } = await exec(['-u', '1000:2001'], ['id']);
      expect(exitCode).to.equal(0);
      expect(stdout.toString()).to.match(/^uid=1000\S* gid=2001\S*(?: groups=2001\S*)?\n$/);
    });

    it('refuses ids that it does not have', async () => {
      if (!unprivileged) return;
      await expectError(['-u', '70000:70000'], ['id'], 125, 'UserNotFound', /70000/);
    });

    it('refuses with the reason what only a shell can do', async () => {
      await expectError(['-u', 'app'], ['true'], 125, 'UserNotFound', /no shell.*UID:GID/);
      await expectError(['-u', '1000'], ['true'], 125, 'UserNotFound', /no shell.*UID:GID/);
      await expectError(['-w', '/tmp'], ['true'], 125, 'NoMethodAvailable', /no \/bin\/sh.*--workdir/);
      await expectError(['-e', 'LD_PRELOAD=/x'], ['true'], 125, 'NoMethodAvailable', /no \/bin\/sh.*LD_PRELOAD/);
      await expectError(['-t'], [], 125, 'NoMethodAvailable', /no \/bin\/sh.*login shell/);
    });

    it('holds nothing of a command that timed out', async () => {
      const before = await snapshotProcesses(container());
      const result = await withLimit(
        500,
        async (limitMs) => resultOf(await exec(['--json', '--timeout', `${limitMs}ms`], ['sleep', '4008'])),
        ({ started }) => started,
      );
      expect(result).to.deep.include({ exitCode: 124, timedOut: true, treeKill: true });
      await assertNothingNew(container(), before);
    });

    it('ends a command on a signal', async () => {
      const before = await snapshotProcesses(container());
      const cli = startCli(['exec', '--json', container().name, '--', 'sleep', '4009']);
      await appears(container(), 'sleep 4009');
      cli.child.kill('SIGTERM');
      expect(resultOf(await cli.ended)).to.deep.include({ exitCode: 143, canceled: true });
      await assertNothingNew(container(), before);
    });
  });
}

describe('a container that changes its state', () => {
  let container: Container;

  beforeEach(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  afterEach(() => container.destroy());

  it('is refused while it is frozen, without a wait, and served again afterwards', async () => {
    await container.freeze();
    const refused = await runCli(['exec', container.name, '--', 'true']);
    expect(refused.exitCode).to.equal(125);
    expect(refused.durationMs).to.be.below(20_000);
    expectErrorLine(refused.stderr, 'ContainerFrozen');
    await container.unfreeze();
    expect((await runCli(['exec', container.name, '--', 'sh', '-c', 'exit 4'])).exitCode).to.equal(4);
  });

  it('is refused while it is stopped, and served again afterwards', async () => {
    await container.stop();
    const refused = await runCli(['exec', container.name, '--', 'true']);
    expect(refused.exitCode).to.equal(125);
    expectErrorLine(refused.stderr, 'ContainerNotRunning');
    await container.start();
    expect((await runCli(['exec', container.name, '--', 'sh', '-c', 'exit 4'])).exitCode).to.equal(4);
  });

  async function started(flags: readonly string[], script = 'echo begun; exec sleep 4010'): Promise<RunningCli> {
    const cli = startCli(['exec', ...flags, container.name, '--', 'sh', '-c', script], { timeoutMs: 2 * BOUND_MS });
    await appears(container, 'sleep 4010');
    return cli;
  }

  for (const form of ['text', 'json'] as const) {
    it(`never gives a false success when it is stopped under a command (${form})`, async () => {
      const cli = await started(form === 'json' ? ['--json'] : []);
      await container.stop();
      const done = await cli.ended;
      expect(done.exitCode).to.be.oneOf([137, 255]);
      expect(done.durationMs).to.be.below(BOUND_MS);
      if (form === 'json') {
        const result = resultOf(done);
        expect(result).to.deep.include({ started: true, stdout: 'begun\n', connectionLost: done.exitCode === 255 });
      } else {
        expect(done.stdout.toString()).to.equal('begun\n');
      }
    });
  }

  for (const form of ['text', 'json'] as const) {
    it(`says that the connection was lost when the attaching program dies, and ends the command (${form})`, async () => {
      const before = await snapshotProcesses(container);
      const cli = await started(form === 'json' ? ['--json'] : []);
      const attaching = readFileSync(`/proc/${cli.pid}/task/${cli.pid}/children`, 'utf8')
        .split(' ')
        .map(Number)
        .find((pid) => pid > 0 && /^[^\0]*lxc-attach\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')));
      expect(attaching, 'the attaching program').to.be.a('number');
      process.kill(Number(attaching), 'SIGKILL');
      const done = await cli.ended;
      expect(done.exitCode).to.equal(255);
      if (form === 'json') {
        const result = resultOf(done);
        expect(result).to.deep.include({ started: true, connectionLost: true, stdout: 'begun\n' });
        expect(result.error?.code).to.equal('ConnectionLost');
      } else {
        expectErrorLine(done.stderr, 'ConnectionLost');
      }
      await assertNothingNew(container, before);
    });
  }

  it('never gives a false success when it is stopped under a stream of output', async () => {
    const cli = startCli(['exec', container.name, '--', 'sh', '-c', 'while :; do echo y; done']);
    if (cli.child.stdout !== null) await once(cli.child.stdout, 'data');
    await container.stop();
    const done = await cli.ended;
    expect(done.exitCode).to.be.oneOf([137, 255]);
    expect(done.durationMs).to.be.below(BOUND_MS);
  });

  it('never gives a false success when it is stopped again and again while commands start', async () => {
    for (const delayMs of [0, 10, 20, 30, 40, 60, 80]) {
      const cli = startCli(['exec', '--json', container.name, '--', 'sleep', '4011']);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await container.stop();
      const done = await cli.ended;
      expect(done.durationMs, `stopped after ${delayMs} ms`).to.be.below(BOUND_MS);
      const result = resultOf(done);
      if (result.started) expect(result.exitCode, `stopped after ${delayMs} ms`).to.be.oneOf([137, 255]);
      else expect(result.error?.code, `stopped after ${delayMs} ms`).to.equal('ContainerNotRunning');
      await container.start();
    }
  });

  it('does not hold a timeout when it is frozen under a command, and nothing is left once it thaws', async () => {
    const before = await snapshotProcesses(container);
    const cli = await started(['--json', '--timeout', '4s', '--kill-after', '300ms']);
    await container.freeze();
    const done = await cli.ended;
    expect(done.durationMs).to.be.below(4000 + 300 + BOUND_MS);
    const result = resultOf(done);
    expect(result).to.deep.include({ exitCode: 124, timedOut: true });
    await container.unfreeze();
    await assertNothingNew(container, before);
  });
});
