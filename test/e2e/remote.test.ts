/** Commands in containers of other nodes, over real ssh. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { createContainer, processesIn, run, startContainer, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import { startSshCluster } from '../support/pve/ssh-cluster.ts';
import type { SshCluster } from '../support/pve/ssh-cluster.ts';
import { CLI, OPEN, runCli, startCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';
import type { Terminal } from '../support/tmux.ts';

const BASE = 400_000_000 + (process.pid % 100_000_000);
const [RUNNING, STOPPED, LOCKED, FROZEN, THIRD, SHELLESS] = [BASE, BASE + 1, BASE + 2, BASE + 3, BASE + 4, BASE + 5];

describe('a container of another node', () => {
  let cluster: SshCluster;
  let container: Container;
  const containers: Container[] = [];

  before(async () => {
    cluster = await startSshCluster({
      nodes: {
        pve2: [
          { vmid: RUNNING, hostname: 'web' },
          { vmid: STOPPED },
          { vmid: LOCKED, lock: 'backup' },
          { vmid: FROZEN },
          { vmid: SHELLESS },
        ],
        pve3: [{ vmid: THIRD, hostname: 'twin' }],
        pve4: [{ vmid: THIRD + 100, hostname: 'twin' }],
      },
    });
    container = await startContainer({ kind: 'busybox', name: String(RUNNING) });
    containers.push(container);
    containers.push(await createContainer({ kind: 'busybox', name: String(STOPPED) }));
    for (const vmid of [LOCKED, FROZEN, THIRD]) {
      containers.push(await startContainer({ kind: 'busybox', name: String(vmid) }));
    }
    await containers.find(({ name }) => name === String(FROZEN))?.freeze();
    containers.push(await startContainer({ kind: 'noshell', name: String(SHELLESS) }));
  });

  after(async () => {
    for (const each of containers) await each.destroy();
    await cluster.stop();
  });

  const exec = (words: readonly string[], env = cluster.environment, stdin?: string) =>
    runCli(['exec', ...words], { env, stdin });
  const errorOf = async (words: readonly string[], env?: Record<string, string>) => {
    const result = resultOf(await exec(['--json', ...words, '--', 'true'], env));
    expect([result.exitCode, result.started]).to.deep.equal([125, false]);
    return result.error;
  };

  for (const [how, reference] of [
    ['its VMID', String(RUNNING)],
    ['its name', 'web'],
    ['its node', `pve:pve2/${RUNNING}`],
  ] as const) {
    it(`is found by ${how}`, async () => {
      const result = resultOf(await exec(['--json', reference, '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']));
      expect(result).to.deep.include({ exitCode: 42, stdout: 'out\n', stderr: 'err\n', method: 'pct', treeKill: true });
      expect(result.container).to.deep.equal({ id: String(RUNNING), name: 'web', platform: 'proxmox', node: 'pve2' });
    });
  }

  it('is no success when its output cannot be written here', async () => {
    const script = '"$0" exec "$1" -- "$2" -c "$3" /dev/zero';
    for (const [redirection, bytes] of [
      ['>/dev/full', '1'],
      ['>/dev/full', '300000'],
      ['2>/dev/full 1>&2', '1'],
    ] as const) {
      const call = ['sh', '-c', `${script} ${redirection}`, CLI, String(RUNNING), 'head', bytes] as const;
      const { exitCode, stderr } = await run(call, { env: cluster.environment });
      expect(exitCode).to.equal(255);
      if (!redirection.startsWith('2')) {
        expect(stderr).to.match(
          /^proxmox-lxcri: ConnectionLost: .*exit code (0|141), .*could not be written here \(ENOSPC\)/,
        );
      }
    }
    // Who closes a pipe wants no more of it.
    const closed = ['bash', '-c', `${script} | head -c 1 >/dev/null; exit "\${PIPESTATUS[0]}"`] as const;
    const { exitCode } = await run([...closed, CLI, String(RUNNING), 'head', '30000000'], { env: cluster.environment });
    expect(exitCode).to.equal(141);
  });

  it('is reached from a host that has nothing but ssh, by its node', async () => {
    for (const words of [[`pve:pve2/${RUNNING}`], ['--node', 'pve2', 'web']]) {
      const result = resultOf(await exec(['--json', ...words, '--', 'sh', '-c', 'cat; exit 3'], cluster.laptop, 'in'));
      expect(result).to.deep.include({ exitCode: 3, stdout: 'in' });
      expect(result.container).to.deep.equal({ id: String(RUNNING), name: 'web', platform: 'proxmox', node: 'pve2' });
    }
  });

  describe('is refused with the reason, before anything is started,', () => {
    for (const [what, vmid, code] of [
      ['when it is stopped', STOPPED, 'ContainerNotRunning'],
      ['when it is locked', LOCKED, 'ContainerLocked'],
      ['when it is frozen', FROZEN, 'ContainerFrozen'],
      ['when its node does not have it', BASE + 99, 'ContainerNotFound'],
    ] as const) {
      it(what, async () => {
        expect((await errorOf([String(vmid)]))?.code).to.equal(code);
        const error = await errorOf([`pve:pve2/${vmid}`], cluster.laptop);
        expect(error?.code).to.equal(code);
        expect(error?.message).to.include(String(vmid));
      });
    }

    it('when two nodes have one of that name', async () => {
      const error = await errorOf(['twin']);
      expect(error?.code).to.equal('AmbiguousContainer');
      expect(error?.message)
        .to.include(`pve:${THIRD}`)
        .and.include(`pve:${THIRD + 100}`);
      expect(await errorOf(['--node', 'pve2', 'twin'])).to.deep.include({ code: 'ContainerNotFound' });
    });

    it('when it is on another node than was said', async () => {
      const error = await errorOf([`pve:pve3/${RUNNING}`], cluster.laptop);
      expect(error).to.deep.include({
        code: 'ContainerNotFound',
        message: `container ${RUNNING} is not on node pve3, but on node pve2`,
      });
    });

    it('when the node is offline', async () => {
      const file = join(cluster.tree.dir, '.members');
      const members = readFileSync(file, 'utf8');
      const { chmodSync, writeFileSync } = await import('node:fs');
      chmodSync(file, 0o640);
      writeFileSync(file, members.replace(/("pve3": \{ "id": \d+, "online": )1/, '$10'));
      try {
        const error = await errorOf([String(THIRD)]);
        expect(error).to.deep.include({ code: 'PlatformUnreachable' });
        expect(error?.message).to.match(/pve3 is offline/);
      } finally {
        writeFileSync(file, members);
      }
    });
  });

  it('gets a terminal of its own, of the size that was asked for, and without changes to its output', async () => {
    const { exitCode, stdout } = await exec(
      ['-t', '--method', 'lxc-attach', 'web', '--', 'sh', '-c', 'stty size; tty; printf "a\\r\\nb\\n"; exit 7'],
      cluster.environment,
      '',
    );
    expect(exitCode).to.equal(7);
    expect(stdout.toString()).to.match(/^24 80\r\n\/dev\/\S+\r\na\r\r\nb\r\n$/);
  });

  it('shows no value of a variable on any command line or in any environment but the command’s, on either side', async () => {
    const secret = `secret-${process.pid}-${Date.now()}`;
    const cli = startCli(
      ['exec', '--method', 'lxc-attach', '-e', 'TOKEN', 'web', '--', 'sh', '-c', 'echo ready; sleep 300071'],
      { env: { ...cluster.environment, TOKEN: secret }, stdin: OPEN },
    );
    try {
      const seen = new Set<string>();
      const look = (): void => {
        for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
          for (const file of ['cmdline', 'environ']) {
            const line = read(`/proc/${pid}/${file}`);
            if (line.includes(secret)) seen.add(`${file}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
          }
        }
      };
      const timer = setInterval(look, 5);
      await waitFor(async () => (await processesIn(container)).some(({ args }) => args === 'sleep 300071'), {
        what: 'the command to run',
        timeoutMs: 30_000,
      });
      clearInterval(timer);
      look();
      // Our own environment had it, and so have what we started locally (ssh) and the attaching program, which hands it on.
      expect([...seen].filter((line) => line.startsWith('cmdline'))).to.deep.equal([]);
      expect([...seen].filter((line) => line.startsWith('environ: perl'))).to.deep.equal([]);
    } finally {
      cli.child.kill('SIGKILL');
      await waitFor(async () => !(await processesIn(container)).some(({ args }) => args === 'sleep 300071'), {
        what: 'the command to end',
        timeoutMs: 30_000,
      });
    }
  });

  it('runs many commands at once over one shared connection, each with its own streams', async () => {
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        exec(
          ['--method', 'lxc-attach', 'web', '--', 'sh', '-c', `cat; echo ${index} >&2; exit ${index}`],
          undefined,
          `in ${index}`,
        ),
      ),
    );
    for (const [index, { exitCode, stdout, stderr }] of results.entries()) {
      expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([index, `in ${index}`, `${index}\n`]);
    }
  });

  describe('at our terminal', () => {
    afterEach(closeTerminals);

    /** Opens a shell of the container in it. */
    async function shellIn(terminal: Terminal): Promise<void> {
      const { PATH = '', PROXMOX_LXCRI_PVE_DIR = '' } = cluster.environment;
      await terminal.type(
        `PATH='${PATH}' PROXMOX_LXCRI_PVE_DIR='${PROXMOX_LXCRI_PVE_DIR}' ${CLI} exec -it --kill-after 1s -e 'PS1=ct> ' web sh; echo "[rc=$?]"`,
      );
      await terminal.waitForScreen(/^ct> /m, 30_000);
    }

    const sleeps = async (seconds: string): Promise<boolean> =>
      (await processesIn(container)).some(({ args }) => args === `sleep ${seconds}`);

    it('leaves nothing running when that dies and nobody tells us', async () => {
      const terminal = await openTerminal();
      // The kernel tells the session's leader alone, and this one keeps it to itself.
      await terminal.type('trap : HUP');
      await shellIn(terminal);
      await terminal.type('setsid sleep 300094 &');
      await waitFor(() => sleeps('300094'), { what: 'the command to run', timeoutMs: 30_000 });
      terminal.close();
      await waitFor(async () => !(await sleeps('300094')), { what: 'all to be ended', timeoutMs: 30_000 });
    });

    it('is a shell of the right size, which gets its changes, and the terminal is given back', async () => {
      const terminal = await openTerminal({ columns: 97, rows: 31 });
      const settings = async (): Promise<string> => (await run(['stty', '-g', '-F', terminal.device])).stdout;
      const before = await settings();
      await shellIn(terminal);
      await terminal.type('stty size');
      await terminal.waitForScreen(/^31 97$/m, 30_000);
      await terminal.type('until [ "$(stty size)" = "40 120" ]; do sleep 0.05; done; echo resi""zed');
      await terminal.resize({ columns: 120, rows: 40 });
      await terminal.waitForScreen(/^resized$/m, 30_000);
      await terminal.type('sleep 300093');
      await waitFor(() => sleeps('300093'), { what: 'the command to run', timeoutMs: 30_000 });
      await terminal.press('C-c');
      await terminal.type('exit 9');
      await terminal.waitForScreen(/\[rc=9\]/, 30_000);
      expect(await settings()).to.equal(before);
    });
  });

  it('needs no shell for a plain command, and says what was wrong with one', async () => {
    const plain = resultOf(await exec(['--json', String(SHELLESS), '--', '/bin/printf', 'a  b\n']));
    expect(plain).to.deep.include({ exitCode: 0, stdout: 'a  b\n', method: 'lxc-attach' });
    const missing = resultOf(await exec(['--json', String(SHELLESS), '--', '/no/such/program']));
    expect(missing).to.deep.include({ exitCode: 127, started: false });
    expect(missing.error?.code).to.equal('CommandNotFound');
  });

  it('needs no shell for a terminal, input, variables, and the end of a command that takes too long', async () => {
    const shellless = (flags: readonly string[], command: readonly string[], stdin?: string) =>
      exec(['--json', ...flags, String(SHELLESS), '--', ...command], undefined, stdin);
    expect(resultOf(await shellless([], ['/bin/cat'], 'in')).stdout).to.equal('in');
    expect(resultOf(await shellless(['-e', 'A=b c'], ['/bin/env'])).stdout).to.match(/^A=b c$/m);
    expect(resultOf(await shellless(['-t'], ['/bin/printf', 'a\n'])).stdout).to.equal('a\r\n');
    const late = await withLimit(
      2000,
      async (limitMs) => resultOf(await shellless(['--timeout', `${limitMs}ms`], ['/bin/sleep', '300094'])),
      ({ started }) => started,
    );
    expect(late).to.deep.include({ exitCode: 124, timedOut: true, started: true, treeKill: true });
    expect(late.error?.code).to.equal('ExecutionTimeout');
    const there = containers.find(({ name }) => name === String(SHELLESS));
    expect((await processesIn(there ?? container)).map(({ args }) => args)).not.to.include('/bin/sleep 300094');
  });

  it('passes much data in both directions, unchanged and in flat memory', async () => {
    const bytes = 64 * 1024 * 1024;
    const cli = startCli(['exec', '--method', 'lxc-attach', 'web', '--', 'sh', '-c', 'cat; exit 5'], {
      env: cluster.environment,
      stdin: OPEN,
      timeoutMs: 120_000,
    });
    // What has come is looked at, and not kept.
    cli.child.stdout?.removeAllListeners('data');
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    let length = 0;
    cli.child.stdout?.on('data', (chunk: Buffer) => {
      received.update(chunk);
      length += chunk.length;
    });
    const block = randomBytes(1024 * 1024);
    for (let at = 0; at < bytes; at += block.length) {
      block.writeUInt32LE(at / block.length);
      const piece = Buffer.from(block);
      sent.update(piece);
      if (cli.child.stdin?.write(piece) === false) await once(cli.child.stdin, 'drain');
    }
    const peakKib = Number(/^VmHWM:\s+(\d+)/m.exec(read(`/proc/${cli.pid}/status`))?.[1]);
    cli.child.stdin?.end();
    expect((await cli.ended).exitCode).to.equal(5);
    expect([length, received.digest('hex')]).to.deep.equal([bytes, sent.digest('hex')]);
    // Without what was sent.
    expect(peakKib).to.be.below(160 * 1024);
  });

  it('holds a lock until its tree has ended, also when we are killed', async () => {
    const locked = (...command: string[]) => [
      'exec',
      '--lock',
      `plx-remote-${process.pid}`,
      '--method',
      'lxc-attach',
      'web',
      '--',
      ...command,
    ];
    const first = startCli(locked('sh', '-c', 'trap "" TERM; sleep 300092'), { env: cluster.environment });
    await waitFor(async () => (await processesIn(container)).some(({ args }) => args === 'sleep 300092'), {
      what: 'the first command to run',
      timeoutMs: 30_000,
    });
    const second = startCli(locked('sh', '-c', 'ps | grep -c "[s]leep 300092"'), { env: cluster.environment });
    first.child.kill('SIGKILL');
    expect((await second.ended).stdout.toString()).to.equal('0\n');
  });

  it('leaves nothing behind on the node when all has ended', async () => {
    expectErrorLine((await exec(['web', '--', 'no-such-command'])).stderr, 'CommandNotFound');
    await waitFor(
      () =>
        !readdirSync('/proc')
          .filter((name) => /^\d+$/.test(name))
          .some((pid) => read(`/proc/${pid}/environ`).includes(cluster.nodes.get('pve2')?.tree.dir ?? '-')),
      { what: 'our programs on the node to end', timeoutMs: 30_000 },
    );
  });
});

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
