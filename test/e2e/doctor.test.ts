/** `doctor`, by the built command: with plain LXC, on the files of a Proxmox node, and on hosts that lack something. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { expect } from 'chai';

import type { Origin } from '../../src/config/settings.ts';
import type { Check, Diagnosis, MethodDiagnosis } from '../../src/model/diagnosis.ts';
import { CLI, runCli, startCli } from '../methods/contract/cli.ts';
import {
  DEFAULT_LXCPATH,
  assertNothingNew,
  createContainer,
  run,
  scratchDirectory,
  snapshotProcesses,
  startContainer,
  waitFor,
} from '../support/lxc.ts';
import type { Container, RunResult } from '../support/lxc.ts';
import { processInfo } from '../support/proc.ts';
import { createPctDouble } from '../support/pve/pct-double.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { callJson, callText, documentOf, expectFailure } from './verb-call.ts';

type Found = Diagnosis & {
  order: { now: string[]; origin: Origin; fastest: string[] };
  written: { file: string; methods: string[]; overriddenBy: Origin | null } | null;
};

const VMID = 500_000_000 + (process.pid % 100_000_000);

function check({ checks }: Pick<Found, 'checks'>, name: string): Check {
  return checks.find((each) => each.name === name) ?? expect.fail(`no check of ${name}`);
}

function method({ methods }: Pick<Found, 'methods'>, name: string): MethodDiagnosis {
  return methods.find((each) => each.method === name) ?? expect.fail(`no method ${name}`);
}

function foundBy({ stdoutBytes, stderrBytes }: RunResult): Found {
  return documentOf('doctor', { stdout: stdoutBytes, stderr: stderrBytes }) as unknown as Found;
}

describe('doctor', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  async function diagnosed(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Found> {
    const { document, exitCode } = await callJson(['doctor', ...words], { env });
    expect(exitCode, JSON.stringify(document)).to.equal(0);
    return document as unknown as Found;
  }

  it('measures what works in the container that is named, and leaves nothing in it', async () => {
    const before = await snapshotProcesses(container);
    const found = await diagnosed([container.name]);
    expect(found.container).to.deep.equal({ id: container.name, name: container.name, platform: 'lxc' });
    expect(found.notTried).to.equal(null);
    const { result, reason, costMs, runsMs } = method(found, 'lxc-attach');
    expect([result, reason]).to.deep.equal(['works', null]);
    expect(runsMs).to.have.length(5);
    expect(costMs).to.equal(runsMs.toSorted((one, other) => one - other)[2]);
    expect(method(found, 'pct')).to.deep.include({
      result: 'unavailable',
      reason: 'this host is not a Proxmox VE node',
    });
    expect(method(found, 'proxmox-api')).to.include({ result: 'unavailable', reason: 'no Proxmox API configured' });
    expect(found.order).to.deep.equal({
      now: ['proxmox-api', 'pct', 'lxc-attach'],
      origin: { kind: 'default' },
      fastest: ['lxc-attach', 'proxmox-api', 'pct'],
    });
    expect(found.written).to.equal(null);
    expect(found.platforms.map(({ platform, present }) => [platform, present])).to.deep.equal([
      ['proxmox', false],
      ['lxc', true],
    ]);
    const version = (await run(['lxc-attach', '--version'])).stdout.trim();
    expect(found.platforms[1]?.detail).to.equal(`LXC ${version}, in ${DEFAULT_LXCPATH}`);
    expect(found.platforms[1]?.running).to.be.at.least(1);
    expect(check(found, 'lxc-attach')).to.include({ result: 'ok', hint: null });
    expect(found.checks.filter((each) => each.result === 'problem')).to.deep.equal([]);
    await assertNothingNew(container, before);
  });

  it('says the same to people, in sections', async () => {
    const { stdout, stderr, exitCode } = await callText(['doctor', container.name]);
    expect([stderr, exitCode]).to.deep.equal(['', 0]);
    expect(stdout).to.match(/^PLATFORM +CONTAINERS +RUNNING +DETAIL\n/);
    expect(stdout).to.match(/^HOST +RESULT +DETAIL\nroot +ok +yes$/m);
    expect(stdout).to.match(new RegExp(`^Methods, tried in ${container.name}\\nMETHOD +RESULT +COST +DETAIL$`, 'm'));
    expect(stdout).to.match(/^lxc-attach +works +\d+\.\d ms {3}from call to end of "true", median of 5$/m);
    expect(stdout).to.match(
      /^Order now: proxmox-api, pct, lxc-attach \(default\)\nFastest: {3}lxc-attach, proxmox-api, pct\n$/m,
    );
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(stdout).not.to.match(/\u001b/);
  });

  it('takes any container that runs, where none is named', async () => {
    const found = await diagnosed([]);
    expect(found.container).not.to.equal(null);
    expect(method(found, 'lxc-attach').result).to.equal('works');
  });

  it('runs nothing in one that is frozen, stopped, or has nothing to run', async () => {
    const noshell = await startContainer({ kind: 'noshell' });
    const stopped = await createContainer({ kind: 'busybox' });
    await container.freeze();
    try {
      for (const [{ name }, says] of [
        [container, /is frozen/],
        [stopped, /is not running/],
        [noshell, /has no \/bin\/sh to try them with/],
      ] as const) {
        const found = await diagnosed([name]);
        expect([found.container, found.canExec]).to.deep.equal([null, true]);
        expect(found.notTried).to.match(says);
        expect(method(found, 'lxc-attach')).to.deep.include({ result: 'untried', costMs: null, runsMs: [] });
        expect(method(found, 'lxc-attach').reason).to.equal(found.notTried);
        expect(found.order.fastest).to.deep.equal([]);
      }
    } finally {
      await container.unfreeze();
      await noshell.destroy();
      await stopped.destroy();
    }
  });

  it('does not know one that there is not', () =>
    expectFailure('json', ['doctor', 'no-such-container'], { code: 'ContainerNotFound', says: /no-such-container/ }));

  for (const target of ['docker:web', 'k8s:web', 'vsock:/run/vm.sock'])
    it(`has nothing to compare in ${target}`, () =>
      expectFailure('json', ['doctor', target], { code: 'NoMethodAvailable', says: /methods are not compared in/ }));

  it('tells who is not root what is missing, and that nothing can run', async () => {
    const nobody =
      'setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search';
    const answer = await run(['sh', '-c', `exec ${nobody} "$0" doctor --json`, CLI]);
    expect(answer.exitCode).to.equal(125);
    const found = foundBy(answer);
    expect(found.canExec).to.equal(false);
    expect(check(found, 'root')).to.include({ result: 'problem', hint: 'run: sudo proxmox-lxcri doctor' });
    expect(found.notTried).to.equal('only root can run commands in containers');
    const text = await run(['sh', '-c', `exec ${nobody} "$0" doctor`, CLI]);
    expect(text.exitCode).to.equal(125);
    expect(text.stdout).to.match(/^root +problem +no: .*; run: sudo proxmox-lxcri doctor$/m);
    expect(text.stderr).to.equal(
      'proxmox-lxcri: NoMethodAvailable: no command can run here in any way; mend what is a problem above\n',
    );
  });

  it('finds what the host lacks: lxc-attach, node-pty, a place for its state', async () => {
    const empty = join(scratchDirectory(), 'empty');
    mkdirSync(empty);
    const lxcAttach = (await run(['sh', '-c', 'command -v lxc-attach'])).stdout.trim();
    const nodePty = dirname(createRequire(import.meta.url).resolve('node-pty/package.json'));
    // In a mount namespace of their own, other things stand where these are.
    const script = `
      mount --bind /dev/null "$1" && mount --bind "$2" "$3" && mount -t tmpfs -o ro tmpfs /var/lib || exit 99
      exec "$0" doctor --json`;
    const answer = await run(['unshare', '-m', 'sh', '-c', script, CLI, lxcAttach, empty, nodePty]);
    expect(answer.exitCode, answer.stderr).to.equal(125);
    const found = foundBy(answer);
    expect(check(found, 'lxc-attach')).to.deep.equal({
      name: 'lxc-attach',
      result: 'problem',
      detail: 'not found',
      hint: 'install LXC',
    });
    expect(check(found, 'node-pty').result).to.equal('warning');
    expect(check(found, 'state directory')).to.include({ result: 'warning' });
    expect(check(found, 'state directory').detail).to.match(/cannot be written: EROFS/);
    expect(found.platforms[1]).to.include({ present: false, detail: 'lxc-attach is not installed' });
    expect(method(found, 'lxc-attach')).to.include({ result: 'unavailable', reason: 'lxc-attach is not installed' });
  });

  it('names the containers whose monitors it cannot ask', async () => {
    const answer = await run(['unshare', '-n', CLI, 'doctor', '--json', container.name]);
    expect(answer.exitCode).to.equal(0);
    const found = foundBy(answer);
    expect(check(found, 'network namespace').result).to.equal('warning');
    expect(check(found, 'network namespace').detail).to.include(container.name);
    expect(found.notTried).to.match(/another network namespace/);
  });

  describe('on a Proxmox node', () => {
    const tree = createPveTree({ node: 'pve1', containers: [{ vmid: VMID, hostname: 'web' }] });
    const pct = createPctDouble({ pveDir: tree.dir });
    let guest: Container;

    before(async () => {
      guest = await startContainer({ kind: 'busybox', name: String(VMID), lxcpath: DEFAULT_LXCPATH });
    });

    after(() => guest.destroy());

    /** A pct before the double, which does this first. */
    function pctWith(script: string): NodeJS.ProcessEnv {
      const bin = scratchDirectory();
      writeFileSync(join(bin, 'pct'), `#!/bin/bash\n${script}\nexec ${pct.path} "$@"\n`);
      chmodSync(join(bin, 'pct'), 0o755);
      return { PROXMOX_LXCRI_PVE_DIR: tree.dir, PATH: `${bin}:${process.env['PATH']}` };
    }

    it('measures pct as well, and puts the faster one first', async () => {
      const found = await diagnosed(['web'], pctWith('sleep 0.5'));
      expect(found.container).to.deep.equal({ id: String(VMID), name: 'web', platform: 'proxmox', node: 'pve1' });
      expect(found.platforms[0]).to.deep.equal({
        platform: 'proxmox',
        present: true,
        detail: 'node pve1',
        containers: 1,
        running: 1,
      });
      expect(check(found, 'pct').result).to.equal('ok');
      expect([method(found, 'pct').result, method(found, 'lxc-attach').result]).to.deep.equal(['works', 'works']);
      expect(method(found, 'pct').costMs).to.be.above(500);
      expect(found.order.fastest).to.deep.equal(['lxc-attach', 'pct', 'proxmox-api']);
    });

    it('leaves out a method that does not hand the words on as they are', async () => {
      const found = await diagnosed([String(VMID)], pctWith('set -- "${@/a b/ab}"'));
      expect(method(found, 'pct')).to.deep.include({
        result: 'unfaithful',
        reason: 'the words did not arrive as they were',
        costMs: null,
        runsMs: [],
      });
      expect(found.order.fastest).to.deep.equal(['lxc-attach', 'proxmox-api']);
    });

    it('has one last that fails, and says why', async () => {
      const found = await diagnosed(['web'], pctWith('echo "cluster not ready - no quorum?" >&2; exit 255'));
      expect(method(found, 'pct').result).to.equal('fails');
      expect(method(found, 'pct').reason).to.match(/ended before the command/);
      expect(found.order.fastest).to.deep.equal(['lxc-attach', 'proxmox-api', 'pct']);
      expect(found.canExec).to.equal(true);
    });

    it('runs nothing in one that a task of Proxmox holds, whatever the lock', async () => {
      tree.putContainer({ vmid: VMID, hostname: 'web', lock: 'snapshot' });
      try {
        const found = await diagnosed(['web'], pctWith(''));
        expect([found.container, found.notTried]).to.deep.equal([null, 'it is locked (snapshot)']);
      } finally {
        tree.putContainer({ vmid: VMID, hostname: 'web' });
      }
    });

    it('misses pct where it is not', async () => {
      const found = await diagnosed(['web'], { PROXMOX_LXCRI_PVE_DIR: tree.dir });
      expect(check(found, 'pct')).to.include({ result: 'warning', detail: 'not found' });
      expect(method(found, 'pct')).to.include({ result: 'unavailable', reason: 'pct is not installed' });
      expect(method(found, 'lxc-attach').result).to.equal('works');
    });

    it('ends what it has started when it is interrupted', async () => {
      const before = await snapshotProcesses(guest);
      const pids = join(scratchDirectory(), 'pids');
      const cli = startCli(['doctor', 'web'], { env: pctWith(`echo $$ >>${pids}; sleep 1000`) });
      const pid = await waitFor(() => Number(readFileSync(pids, 'utf8').trim()), { what: 'pct to be called' });
      process.kill(cli.pid, 'SIGINT');
      expect((await cli.ended).exitCode).to.equal(130);
      await waitFor(() => processInfo(pid) === undefined, { what: 'pct to be ended' });
      await assertNothingNew(guest, before);
    });
  });

  describe('--write-config', () => {
    const METHODS = 'methods: [lxc-attach, proxmox-api, pct]';
    const cache = { PROXMOX_LXCRI_CACHE_DIR: scratchDirectory() };

    it('writes the fastest order into the file, and leaves the rest of it alone', async () => {
      const file = join(scratchDirectory(), 'config.yaml');
      writeFileSync(file, '# ours\nmethods: [pct, lxc-attach] # slow\nstop:\n  timeout: 5m\n', { mode: 0o640 });
      const env = { ...cache, PROXMOX_LXCRI_CONFIG: file };
      const found = await diagnosed(['--write-config', container.name], env);
      expect(found.order).to.deep.include({ now: ['pct', 'lxc-attach'], origin: { kind: 'file', file, line: 2 } });
      expect(found.written).to.deep.equal({ file, methods: found.order.fastest, overriddenBy: null });
      const text = readFileSync(file, 'utf8');
      expect(text)
        .to.match(/^# ours$/m)
        .and.to.match(/^ {2}timeout: 5m$/m);
      const { order } = await diagnosed([container.name], env);
      expect(order).to.deep.include({
        now: ['lxc-attach', 'proxmox-api', 'pct'],
        origin: { kind: 'file', file, line: 2 },
      });
    });

    it("makes the system's file where there is none, readable by all", async () => {
      const [upper, work] = [scratchDirectory(), scratchDirectory()];
      const script = `mount -t overlay overlay -o lowerdir=/etc,upperdir=${upper},workdir=${work} /etc || exit 99
        "$0" doctor --write-config "$1" && "$0" config show --origin`;
      const env = { ...cache, PATH: process.env['PATH'] };
      const { exitCode, stdout, stderr } = await run(['unshare', '-m', 'sh', '-c', script, CLI, container.name], {
        env,
      });
      expect([exitCode, stderr]).to.deep.equal([0, '']);
      const file = '/etc/proxmox-lxcri/config.yaml';
      expect(stdout).to.include(`\nWritten to ${file}: ${METHODS}\n`);
      expect(stdout).to.match(new RegExp(`^methods +\\[lxc-attach, proxmox-api, pct\\] +${file}:1$`, 'm'));
      const made = join(upper, 'proxmox-lxcri/config.yaml');
      expect(statSync(made).mode & 0o777).to.equal(0o644);
      expect(readFileSync(made, 'utf8')).to.equal(`${METHODS}\n`);
    });

    it('says what makes it have no effect', async () => {
      const file = join(scratchDirectory(), 'config.yaml');
      writeFileSync(file, '', { mode: 0o644 });
      const env = { ...cache, PROXMOX_LXCRI_CONFIG: file, PROXMOX_LXCRI_METHODS: 'pct' };
      const { stdout, exitCode } = await callText(['doctor', '--write-config', container.name], { env });
      expect(exitCode).to.equal(0);
      expect(stdout).to.match(/^Order now: pct \(PROXMOX_LXCRI_METHODS\)$/m);
      expect(stdout).to.match(/^Last: pct: this host is not a Proxmox VE node$/m);
      expect(stdout).to.match(/^It has no effect here: PROXMOX_LXCRI_METHODS sets another order$/m);
    });

    it('writes nothing where nothing was measured, where no file is read, and for nobody but root', async () => {
      const file = join(scratchDirectory(), 'config.yaml');
      const text = 'methods: [pct, lxc-attach]\n';
      writeFileSync(file, text, { mode: 0o644 });
      const env = { ...cache, PROXMOX_LXCRI_CONFIG: file };
      const stopped = await createContainer({ kind: 'busybox' });
      try {
        const words = ['doctor', '--write-config', stopped.name];
        const { document, exitCode } = await callJson(words, { env });
        expect(exitCode).to.equal(125);
        expect(document).to.include({ canExec: true, written: null });
        expect(document.error?.code).to.equal('OperationFailed');
        expect(document.error?.message).to.match(/nothing was written: no method was measured \(.* is not running/);
      } finally {
        await stopped.destroy();
      }
      const nowhere = { env: { ...cache, PROXMOX_LXCRI_CONFIG: '/dev/null' } };
      const says = /no configuration file is read; unset the variable/;
      await expectFailure('json', ['doctor', '--write-config', container.name], { code: 'ConfigError', says }, nowhere);
      const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const reading = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
      const [first, ...rest] = [...nobody, ...reading, CLI, 'doctor', '--write-config'];
      const refused = await run([first, ...rest], { env: { ...process.env, ...env } });
      expect(refused.exitCode).to.equal(125);
      expect(refused.stderr).to.match(/PermissionDenied: .*; run: sudo proxmox-lxcri doctor --write-config\n$/);
      expect(readFileSync(file, 'utf8')).to.equal(text);
    });
  });

  it('an answer that cannot be written is no success', async () => {
    const { exitCode } = await run(['sh', '-c', '"$0" doctor "$1" >/dev/full', CLI, container.name]);
    expect(exitCode).to.equal(255);
    expect((await runCli(['doctor', '--nope'])).exitCode).to.equal(125);
  });
});
