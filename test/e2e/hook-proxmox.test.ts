/** Hookscripts, called as Proxmox VE calls them, for a real container that a node's files describe. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI, runCli } from '../methods/contract/cli.ts';
import { hookDocumentOf } from '../methods/contract/hook-document.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { createPctDouble } from '../support/pve/pct-double.ts';
import { createHookscript } from '../support/pve/hookscript.ts';
import type { Hookscript } from '../support/pve/hookscript.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { assertNothingNew, run, scratchDirectory, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import type { Container, RunResult } from '../support/lxc.ts';

const BASE = 700_000_000 + (process.pid % 1_000_000) * 100 + 50;
const VMID = BASE;
const MACHINE = BASE + 1;
const ELSEWHERE = BASE + 2;
const PHASES = ['pre-start', 'post-start', 'pre-stop', 'post-stop'] as const;

describe('a Proxmox hookscript', () => {
  const tree = createPveTree({
    node: 'pve1',
    containers: [
      { vmid: VMID, hostname: 'hooked' },
      { vmid: ELSEWHERE, node: 'pve2' },
    ],
    qemu: [{ vmid: MACHINE }],
  });
  const pct = createPctDouble({ pveDir: tree.dir });
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox', name: String(VMID) });
  });

  afterEach(async () => {
    tree.putContainer({ vmid: VMID, hostname: 'hooked' });
    if (!(await container.running())) await container.start();
    await container.attach(['rm', '-f', '/tmp/called']);
  });

  after(() => container.destroy());

  /** The script of the documentation, with these words after `hook`. */
  function script(words: string): Hookscript {
    const text = `#!/bin/sh\nexec proxmox-lxcri hook ${words}\n`;
    return createHookscript({ text, cli: CLI, pveDir: tree.dir, pctBin: pct.bin });
  }

  async function called(): Promise<string> {
    return (await container.attach(['cat', '/tmp/called'])).stdout;
  }

  const note = `sh -c 'echo "$*" >>/tmp/called' sh "$2"`;

  it('runs its command in the phases of --on and does nothing in the others, in a life from start to stop', async () => {
    const hook = script(`--on post-start,pre-stop "$@" -- ${note}`);
    await container.stop();
    const calls: RunResult[] = [];
    calls.push(await hook.call(VMID, 'pre-start'));
    await container.start();
    calls.push(await hook.call(VMID, 'post-start'));
    calls.push(await hook.call(VMID, 'pre-stop'));
    const noted = await called();
    await container.stop();
    calls.push(await hook.call(VMID, 'post-stop'));
    for (const { exitCode, stdout, stderr } of calls) expect([exitCode, stdout, stderr]).to.deep.equal([0, '', '']);
    expect(noted).to.equal('post-start\npre-stop\n');
  });

  it('goes the way of pct, and of lxc-attach where pct cannot', async () => {
    const verbose = await script(`--on post-start -v "$@" -- true`).call(VMID, 'post-start');
    expect(verbose.stderr).to.match(/pct: used/);
    const withSecret = await script(`--on post-start -v -e A=1 "$@" -- true`).call(VMID, 'post-start');
    expect(withSecret.stderr)
      .to.match(/pct: skipped/)
      .and.to.match(/lxc-attach: used/);
  });

  it('passes the output and the words on as they are, and reads no input', async () => {
    const hook = script(
      `--on post-start "$@" -- sh -c 'printf "%s|" "$@"; echo err >&2; wc -c' sh 'a  b' '$HOME' -- --on ''`,
    );
    const { exitCode, stdout, stderr } = await hook.call(VMID, 'post-start');
    expect([exitCode, stdout, stderr]).to.deep.equal([0, 'a  b|$HOME|--|--on||0\n', 'err\n']);
  });

  it('may have the flags of exec', async () => {
    writeFileSync(join(tree.dir, 'variables'), 'B=2\n');
    const words = `-u nobody -w /tmp -e A=1 --env-file "$PROXMOX_LXCRI_PVE_DIR"/variables --timeout 20s --method lxc-attach`;
    const hook = script(`--on post-start ${words} "$@" -- sh -c 'id -un; pwd; echo $A$B'`);
    expect((await hook.call(VMID, 'post-start')).stdout).to.equal('nobody\n/tmp\n12\n');
  });

  it('says how its command failed, what that does, and lets Proxmox go on', async () => {
    for (const [phase, after] of [
      ['post-start', 'the guest keeps running'],
      ['pre-stop', 'the guest is stopped all the same'],
    ] as const) {
      const { exitCode, stderr } = await script(`--on ${phase} "$@" -- sh -c 'exit 3'`).call(VMID, phase);
      const [ours = '', theirs] = stderr.split('\n');
      expect(ours).to.match(new RegExp(`^proxmox-lxcri: hook ${phase} of ${VMID}: exit code 3 \\(.*\\); ${after}$`));
      expect(theirs).to.match(/^hookscript error for \d+ on [a-z-]+: .*exit code 3$/);
      expect(exitCode).to.equal(0);
    }
  });

  it('refuses the phases in which the guest does not run, and says that this aborts the start', async () => {
    for (const [phase, after, exitCode] of [
      ['pre-start', "this aborts the guest's start", 255],
      ['post-stop', 'nothing else is affected', 0],
    ] as const) {
      const call = await script(`--on ${phase} "$@" -- touch /tmp/called`).call(VMID, phase);
      const [ours = ''] = call.stderr.split('\n');
      expect(ours).to.include(`ContainerNotRunning: hook ${phase} of ${VMID}: `);
      expect(ours)
        .to.include('phases in which it does: post-start, pre-stop; ')
        .and.to.match(new RegExp(`${after}$`));
      expect(call.exitCode).to.equal(exitCode);
    }
    expect(await called()).to.equal('');
  });

  it('says in every phase that its words are wrong, and what that does', async () => {
    for (const [words, says] of [
      ['--on poststart "$@" -- true', /UsageError: hook pre-start of \d+: .*"poststart".*did you mean post-start\?/],
      ['"$@" -- true', /UsageError: hook pre-start of \d+: --on is missing/],
      ['--on post-start "$@"', /MissingCommand: hook pre-start of \d+: /],
      ['--on post-start "$@" true', /UsageError: hook pre-start of \d+: "true" is one word too many; write "--"/],
      ['--onn post-start "$@" -- true', /UsageError: hook pre-start of \d+: unknown flag.*did you mean --on\?/],
      ['--on post-start --container-annotation a "$@" -- true', /UsageError: hook pre-start of \d+: .*OCI/],
    ] as const) {
      const { exitCode, stderr } = await script(words).call(VMID, 'pre-start');
      expect(stderr).to.match(says).and.to.include("; this aborts the guest's start\n");
      expect(exitCode).to.equal(255);
    }
  });

  it('does not look at what only its phase needs: a file that comes with the guest may be missing before', async () => {
    const hook = script(`--on post-start --env-file /nonexistent/variables "$@" -- true`);
    expect(await hook.call(VMID, 'pre-start')).to.deep.include({ exitCode: 0, stderr: '' });
    expect((await hook.call(VMID, 'post-start')).stderr).to.match(/--env-file.*; the guest keeps running/);
  });

  it('is not held up by the lock of the task that called it: a backup stops a guest under its lock', async () => {
    tree.putContainer({ vmid: VMID, hostname: 'hooked', lock: 'backup' });
    const hook = script(`--on post-start,pre-stop "$@" -- ${note}`);
    for (const phase of ['pre-stop', 'post-start'] as const)
      expect(await hook.call(VMID, phase)).to.deep.include({ exitCode: 0, stderr: '' });
    expect(await called()).to.equal('pre-stop\npost-start\n');
    const exec = await runCli(['exec', `pve:${VMID}`, 'true'], { env: { PROXMOX_LXCRI_PVE_DIR: tree.dir } });
    expectErrorLine(exec.stderr, 'ContainerLocked');
  });

  it('does not make Proxmox wait for a daemon that it starts in the guest', async () => {
    const hook = script(`--on post-start "$@" -- sh -c 'sleep 1000 & echo started'`);
    const begin = performance.now();
    expect(await hook.call(VMID, 'post-start')).to.deep.include({ exitCode: 0, stdout: 'started\n', stderr: '' });
    expect(performance.now() - begin).to.be.below(40_000);
    expect((await container.attach(['killall', 'sleep'])).exitCode).to.equal(0);
  });

  it('ends what it started when its time is up', async () => {
    const snapshot = await snapshotProcesses(container);
    const hook = script(
      `--on post-start --timeout 300ms --kill-after 300ms "$@" -- sh -c 'trap "" TERM; sleep 1000 & wait'`,
    );
    const { stderr } = await hook.call(VMID, 'post-start');
    expect(stderr).to.match(/ExecutionTimeout: hook post-start of \d+: .*; the guest keeps running\n.*exit code 124/);
    await assertNothingNew(container, snapshot);
  });

  it('of a virtual machine is refused, in its phases only', async () => {
    const hook = script('--on post-start "$@" -- true');
    expect(await hook.call(MACHINE, 'pre-start')).to.deep.include({ exitCode: 0, stderr: '' });
    expect((await hook.call(MACHINE, 'post-start')).stderr).to.match(
      /NoMethodAvailable: hook post-start of \d+: .*virtual machine.*qm set \d+ --delete hookscript; the guest keeps running/,
    );
  });

  it('of a guest that is not here, or not running, is refused', async () => {
    const hook = script('--on post-start "$@" -- true');
    expect((await hook.call(ELSEWHERE, 'post-start')).stderr).to.match(
      /PlatformUnreachable: hook post-start of \d+: .*pve2/,
    );
    expect((await hook.call(BASE + 3, 'post-start')).stderr).to.match(/ContainerNotFound: hook post-start of /);
    await container.stop();
    expect((await hook.call(VMID, 'post-start')).stderr).to.match(
      /ContainerNotRunning: .*start it with: .*; the guest keeps/,
    );
  });

  it('is refused with words that Proxmox does not give', async () => {
    const hook = script('--on post-start "$@" -- true');
    for (const vmid of ['99', '0101', 'web', '../1', '1e3', '']) {
      const { stderr } = await hook.call(vmid, 'post-start');
      expect(stderr.split('\n')[0], vmid).to.match(/^proxmox-lxcri: UsageError: .*is not a VMID/);
    }
    const alone = await runCli(['hook', '--on', 'post-start', String(VMID), '--', 'true']);
    expect(expectErrorLine(alone.stderr, 'UsageError')).to.include('the phase after the VMID is missing');
  });

  it('does nothing in a phase that is not known yet', async () => {
    expect(await script('--on post-start "$@" -- true').call(VMID, 'pre-clone')).to.deep.include({
      exitCode: 0,
      stderr: '',
    });
  });

  it('says with --verbose why it does nothing, and with --quiet only how it ended', async () => {
    const skipped = await script('--on post-start -v "$@" -- true').call(VMID, 'pre-start');
    expect(skipped.stderr).to.match(/^proxmox-lxcri: hook pre-start of \d+: nothing done: .*post-start only\n$/);
    const quiet = await script(`--on post-start -q "$@" -- sh -c 'echo out; echo err >&2'`).call(VMID, 'post-start');
    expect([quiet.stdout, quiet.stderr.replace(/\(.*\)/, '()')]).to.deep.equal([
      '',
      `proxmox-lxcri: hook post-start of ${VMID}: exit code 0 ()\n`,
    ]);
  });

  describe('with --json prints a document', () => {
    function json(...words: string[]): ReturnType<typeof runCli> {
      return runCli(['hook', '--json', ...words], { env: { PROXMOX_LXCRI_PVE_DIR: tree.dir } });
    }

    it('of what the command did', async () => {
      const words = ['--on', 'post-start', String(VMID), 'post-start', '--', 'sh', '-c', 'echo out; exit 3'];
      const document = hookDocumentOf(await json(...words));
      expect(document).to.deep.include({
        platform: 'proxmox',
        subject: String(VMID),
        phases: ['post-start'],
        skipped: null,
        afterFailure: 'the guest keeps running',
        exitCode: 3,
        error: null,
      });
      expect(document.result).to.deep.include({ exitCode: 3, stdout: 'out\n', started: true });
    });

    it('of a phase that was not asked for', async () => {
      for (const phase of [...PHASES.slice(2), 'pre-clone']) {
        const document = hookDocumentOf(await json('--on', 'post-start', String(VMID), phase, '--', 'true'));
        expect(document).to.deep.include({ result: null, exitCode: 0, error: null });
        expect(document.skipped).to.include('post-start');
      }
    });

    it('of an error, with and without a known phase', async () => {
      const refused = hookDocumentOf(await json('--on', 'pre-start', String(VMID), 'pre-start', '--', 'true'));
      expect(refused).to.deep.include({ phases: ['pre-start'], result: null, exitCode: 125 });
      expect(refused.error).to.include({ code: 'ContainerNotRunning' });
      const missing = hookDocumentOf(
        await json('--on', 'post-start', String(VMID), 'post-start', '--', '/nonexistent'),
      );
      expect(missing.error?.code).to.equal('CommandNotFound');
      expect([missing.exitCode, missing.result?.exitCode]).to.deep.equal([127, 127]);
      const nonsense = hookDocumentOf(await json('--frobnicate'));
      expect(nonsense).to.deep.include({ platform: null, subject: null, phases: [], exitCode: 125 });
    });
  });

  it('passes signals on, and ends the tree when it is killed itself', async () => {
    const snapshot = await snapshotProcesses(container);
    const file = join(scratchDirectory(), 'pid');
    const text = `#!/bin/sh\necho $$ >${file}\nexec proxmox-lxcri hook --on post-start "$@" -- sh -c 'sleep 1000'\n`;
    const hook = createHookscript({ text, cli: CLI, pveDir: tree.dir });
    for (const [signal, says] of [
      ['SIGTERM', /exit code 143/],
      ['SIGKILL', /got signal 9/],
    ] as const) {
      const call = hook.call(VMID, 'post-start');
      await waitFor(async () => (await container.attach(['pidof', 'sleep'])).exitCode === 0, { what: 'the sleep' });
      process.kill(Number((await run(['cat', file])).stdout), signal);
      expect((await call).stderr).to.match(says);
      await assertNothingNew(container, snapshot);
    }
  });
});
