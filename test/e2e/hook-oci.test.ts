/** OCI hooks: as a real runc calls them for a bundle, and with states that no runtime would write. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { MAX_STATE_BYTES } from '../../src/oci/hooks/state.ts';
import { CLI, OPEN, runCli, startCli } from '../methods/contract/cli.ts';
import type { CliResult } from '../methods/contract/cli.ts';
import { hookDocumentOf } from '../methods/contract/hook-document.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { stateText } from '../oci/hooks/states.ts';
import { createBundle, skipWithoutRunc } from '../support/runc.ts';
import type { Bundle, RuncHook } from '../support/runc.ts';
import { assertNothingNew, run, scratchDirectory, snapshotProcesses, startContainer } from '../support/lxc.ts';
import type { Container, RunResult } from '../support/lxc.ts';
import { closeTerminals, openTerminal } from '../support/tmux.ts';

const KEY = 'org.example.proxy';

describe('hooks of a bundle, called by runc', () => {
  const bundles: Bundle[] = [];
  let container: Container;

  before(async function () {
    skipWithoutRunc(this);
    container = await startContainer({ kind: 'busybox' });
  });

  afterEach(async () => {
    for (const bundle of bundles.splice(0)) bundle.remove();
    await container.attach(['rm', '-f', '/tmp/called']);
  });

  after(() => container?.destroy());

  /** A hook that is this CLI, with these words after `hook`. */
  function lxcri(...words: string[]): RuncHook {
    // As in a bundle of other tools: only what stands here is its environment.
    return { path: CLI, args: ['proxmox-lxcri', 'hook', ...words], env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] };
  }

  /** One that writes a word into a file in the LXC container. */
  function noting(phase: string, ...flags: string[]): RuncHook {
    return lxcri(
      '--on',
      phase,
      '--container-annotation',
      KEY,
      ...flags,
      '--',
      'sh',
      '-c',
      `echo ${phase} >>/tmp/called`,
    );
  }

  function failing(phase: string): RuncHook {
    return lxcri('--on', phase, '--container-annotation', KEY, '--', 'sh', '-c', 'echo said; exit 3');
  }

  function runBundle(
    hooks: Record<string, RuncHook[]>,
    given: { id?: string; annotated?: boolean } = {},
  ): Promise<RunResult> {
    const bundle = createBundle({
      id: given.id ?? `plx-${process.pid}-bundle`,
      command: ['sh', '-c', 'echo the bundle ran'],
      annotations: given.annotated === false ? {} : { [KEY]: `lxc:${container.name}` },
      hooks,
    });
    bundles.push(bundle);
    return bundle.run();
  }

  async function called(): Promise<string> {
    return (await container.attach(['cat', '/tmp/called'])).stdout;
  }

  it('run their commands in the LXC container of the annotation, in the order of the phases', async () => {
    const { exitCode, stdout, stderr } = await runBundle({
      prestart: [noting('prestart')],
      createRuntime: [noting('createRuntime')],
      poststart: [noting('poststart')],
      poststop: [noting('poststop')],
    });
    expect([exitCode, stdout, stderr]).to.deep.equal([0, 'the bundle ran\n', '']);
    expect(await called()).to.equal('prestart\ncreateRuntime\npoststart\npoststop\n');
  });

  it('do nothing in a phase that is not theirs', async () => {
    const { exitCode, stdout, stderr } = await runBundle({
      createRuntime: [noting('poststop')],
      poststart: [noting('poststop')],
      poststop: [noting('createRuntime,poststart')],
    });
    expect([exitCode, stdout, stderr]).to.deep.equal([0, 'the bundle ran\n', '']);
    expect(await called()).to.equal('');
  });

  it('make runc give the container up when one fails before its start', async () => {
    for (const phase of ['prestart', 'createRuntime']) {
      const { exitCode, stdout, stderr } = await runBundle({
        [phase]: [failing(phase)],
        poststop: [noting('poststop')],
      });
      expect([exitCode, stdout]).to.deep.equal([1, '']);
      expect(stderr).to.match(new RegExp(`exit status 3, stdout: said.*hook ${phase} of plx-\\d+-bundle: exit code 3`));
      expect(stderr).to.include('the runtime gives the container up because of this');
    }
    expect(await called()).to.equal('poststop\npoststop\n');
  });

  it('make runc end the container when poststart fails', async () => {
    const { exitCode, stderr } = await runBundle({ poststart: [failing('poststart')] });
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(
      /exit status 3.*hook poststart of .*: exit code 3 .*; runc ends the container because of this/,
    );
  });

  it('are only reported when poststop fails', async () => {
    const { exitCode, stdout, stderr } = await runBundle({ poststop: [failing('poststop')] });
    expect([exitCode, stdout]).to.deep.equal([0, 'the bundle ran\n']);
    expect(stderr).to.match(/hook poststop of .*: exit code 3 .*; the container is deleted all the same/);
  });

  it('are refused without the annotation: the id is not one of ours', async () => {
    const hook = lxcri('--on', 'createRuntime', '--', 'touch', '/tmp/called');
    const { exitCode, stderr } = await runBundle({ createRuntime: [hook] });
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/ContainerNotFound: hook createRuntime of .*--container-annotation KEY/);
    const missing = await runBundle({ createRuntime: [noting('createRuntime')] }, { annotated: false });
    expect(missing.stderr).to.match(/MissingContainerId: hook createRuntime of .*no annotation .*org\.example\.proxy/);
  });

  it('do not mistake an LXC container for the bundle’s, that only has its name', async () => {
    const hook = lxcri('--on', 'poststart', '--', 'touch', '/tmp/called');
    const { exitCode, stderr } = await runBundle({ poststart: [hook] }, { id: container.name });
    expect(exitCode).to.equal(1);
    expect(stderr).to.match(/ContainerNotFound: .*of that name is another one/);
    expect((await container.attach(['test', '-e', '/tmp/called'])).exitCode).to.equal(1);
  });

  it('cannot reach LXC from the namespaces of the bundle', async () => {
    const hook = lxcri('--container-annotation', KEY, '--', 'touch', '/tmp/called');
    const { exitCode, stdout, stderr } = await runBundle({ createContainer: [hook] });
    expect([exitCode, stdout]).to.deep.equal([1, '']);
    expect(stderr).to.match(/proxmox-lxcri: \w+: hook of .* \(creating\): .*the runtime gives the container up/);
    const named = await runBundle({ createContainer: [noting('createContainer')] });
    expect(named.stderr).to.match(/UsageError: .*createContainer hooks run in the namespaces of their container/);
    expect(await called()).to.equal('');
  });

  it('do not make runc wait for a daemon that they start', async () => {
    const hook = lxcri('--container-annotation', KEY, '--', 'sh', '-c', 'sleep 1000 &');
    const begin = performance.now();
    expect((await runBundle({ poststart: [hook] })).exitCode).to.equal(0);
    expect(performance.now() - begin).to.be.below(40_000);
    expect((await container.attach(['killall', 'sleep'])).exitCode).to.equal(0);
  });

  it('leave nothing when runc kills them because their time is up', async () => {
    const snapshot = await snapshotProcesses(container);
    const hook = lxcri('--container-annotation', KEY, '--', 'sh', '-c', 'sleep 1000; true');
    const { exitCode } = await runBundle({ createRuntime: [{ ...hook, timeout: 1 }] });
    expect(exitCode).to.equal(1);
    await assertNothingNew(container, snapshot);
  });
});

describe('an OCI hook', () => {
  let container: Container;
  let initPid: number;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    initPid = await container.initPid();
  });

  after(async () => {
    closeTerminals();
    await container.destroy();
  });

  function ownState(changes: Record<string, unknown> = {}): string {
    return stateText({ id: container.name, status: 'running', pid: initPid, ...changes });
  }

  function hook(words: readonly string[], stdin: string | Buffer): Promise<CliResult> {
    return runCli(['hook', ...words], { stdin });
  }

  it('runs in the container whose own hook it is, as of poststart, and gets none of the state as input', async () => {
    for (const words of [[], ['--on', 'poststart'], ['--on', 'createRuntime', '--on', 'poststart']]) {
      const { exitCode, stdout, stderr } = await hook([...words, '--', 'sh', '-c', 'hostname; wc -c'], ownState());
      expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([0, `${container.name}\n0\n`, '']);
    }
  });

  it('gives the exit code of the command, and one line', async () => {
    const { exitCode, stdout, stderr } = await hook(['--', 'sh', '-c', 'exit 42'], ownState());
    expect([exitCode, stdout.toString()]).to.deep.equal([42, '']);
    expect(stderr.toString()).to.match(
      new RegExp(`^proxmox-lxcri: hook poststart of ${container.name}: exit code 42 \\(.*\\); runc ends .*\\n$`),
    );
  });

  it('is refused in the phases in which its own container does not run, with those in which it does', async () => {
    for (const [status, phase] of [
      ['creating', 'prestart'],
      ['creating', 'createRuntime'],
      ['stopped', 'poststop'],
    ] as const) {
      const { exitCode, stderr } = await hook(['--on', phase, '--', 'true'], ownState({ status }));
      expect(exitCode).to.equal(125);
      const line = expectErrorLine(stderr, 'ContainerNotRunning');
      expect(line).to.include(`hook ${phase} of ${container.name}: `).and.to.include('in which it does: poststart; ');
    }
  });

  it('does nothing with a status that is not of its phases', async () => {
    const words = ['--on', 'createRuntime,poststop', '-v', '--', 'true'];
    const { exitCode, stderr } = await hook(words, ownState());
    expect(exitCode).to.equal(0);
    expect(stderr.toString()).to.match(/hook of .* \(running\): nothing done: .*createRuntime, poststop\n$/);
  });

  it('prints documents', async () => {
    const done = hookDocumentOf(await hook(['--json', '--', 'echo', 'out'], ownState()));
    expect(done).to.deep.include({ platform: 'oci', subject: container.name, phases: ['poststart'], exitCode: 0 });
    expect(done.result).to.deep.include({ stdout: 'out\n', exitCode: 0 });
    const skipped = hookDocumentOf(await hook(['--json', '--on', 'poststop', '--', 'true'], ownState()));
    expect(skipped).to.deep.include({ phases: [], result: null, exitCode: 0 });
    const refused = hookDocumentOf(await hook(['--json', '--', 'true'], '{'));
    expect([refused.platform, refused.error?.code]).to.deep.equal([null, 'UsageError']);
    const escaped = hookDocumentOf(await hook(['--json', '--', 'true'], ownState({ id: '\u001b[31m"\n' })));
    expect(escaped).to.deep.include({ subject: '\u001b[31m"\n', exitCode: 125 });
  });

  it('refuses what is no state in one harmless line, and runs nothing', async () => {
    for (const [input, says] of [
      ['', /it is empty/],
      [ownState().slice(0, -1), /not valid JSON/],
      [Buffer.from([0x7b, 0xff, 0x7d]), /not valid UTF-8/],
      ['x'.repeat(MAX_STATE_BYTES + 1), /longer than 1048576 bytes/],
      ['['.repeat(MAX_STATE_BYTES), /not valid JSON/],
      [ownState({ status: '\u001b[2J' }), /status must be one of creating, created, running, stopped/],
      ['[]', /not a JSON object/],
    ] as const) {
      const { exitCode, stdout, stderr } = await hook(['--', 'touch', '/tmp/called'], input);
      expect([exitCode, stdout.toString()]).to.deep.equal([125, '']);
      expect(expectErrorLine(stderr, 'UsageError')).to.match(says).and.to.include('"$@"');
    }
    for (const id of ['\u001b[31mred\n', '\u202eevil', 'x'.repeat(100_000), '__proto__', '../../etc/passwd']) {
      const { stderr } = await hook(['--', 'touch', '/tmp/called'], ownState({ id }));
      expect(expectErrorLine(stderr, 'ContainerNotFound').length).to.be.below(600);
    }
    const shell = ownState({ annotations: { [KEY]: '$(touch /tmp/x);\u001b[31m' } });
    const { stderr } = await hook(['--container-annotation', KEY, '--', 'touch', '/tmp/called'], shell);
    expectErrorLine(stderr, 'UsageError');
    expect((await container.attach(['test', '-e', '/tmp/called'])).exitCode).to.equal(1);
  });

  it('is told at once that nothing else names a container', async () => {
    const { exitCode, stderr } = await hook([], ownState());
    expect(exitCode).to.equal(125);
    expect(expectErrorLine(stderr, 'MissingCommand')).to.include('usage: ');
    expectErrorLine((await hook(['--on', 'post-start', '--', 'true'], ownState())).stderr, 'UsageError');
  });

  it('is not touched by a mistake in the configuration in phases that are not its own', async () => {
    const env = { PROXMOX_LXCRI_TIMEOUT: 'soon' };
    const words = ['--container-annotation', KEY, '--', 'true'];
    const state = ownState({ status: 'creating', annotations: { [KEY]: container.name } });
    const skipped = await runCli(['hook', '--on', 'poststop', ...words], { stdin: state, env });
    expect([skipped.exitCode, skipped.stderr.toString()]).to.deep.equal([0, '']);
    const own = await runCli(['hook', '--on', 'createRuntime', ...words], { stdin: state, env });
    expect(own.exitCode).to.equal(125);
    expect(expectErrorLine(own.stderr, 'ConfigError'))
      .to.include(`hook createRuntime of ${container.name}: PROXMOX_LXCRI_TIMEOUT: `)
      .and.to.include('; the runtime gives the container up because of this');
  });

  it('says whose it is, and what a mistake in its words does to the container', async () => {
    for (const [words, status, code, after] of [
      [['--no-such-flag', '--', 'true'], 'stopped', 'UsageError', 'the container is deleted all the same'],
      [['--on', 'poststopp', '--', 'true'], 'creating', 'UsageError', 'the runtime gives the container up'],
      [['--on', 'poststop', '--timeout', 'soon', '--', 'true'], 'stopped', 'UsageError', 'deleted all the same'],
      [['--on', 'poststop'], 'running', 'MissingCommand', 'runc ends the container'],
    ] as const) {
      const { exitCode, stderr } = await hook(words, ownState({ status }));
      expect(exitCode).to.equal(125);
      const line = expectErrorLine(stderr, code);
      expect(line)
        .to.match(new RegExp(`: hook (\\w+ )?of ${container.name}`))
        .and.to.include(after);
    }
  });

  it('does not wait for a state at a terminal', async () => {
    const terminal = await openTerminal({ columns: 300, rows: 10 });
    await terminal.type(`${CLI} hook -- true; echo "code $?"`);
    await terminal.waitForScreen(/UsageError: there is no OCI state: standard input is a terminal; .*\n+code 125/);
  });

  it('does not wait for ever where nobody writes, and not where input is closed', async () => {
    const waiting = startCli(['hook', '--', 'true'], { stdin: OPEN });
    waiting.child.stdin?.write(ownState());
    const { exitCode, stderr, durationMs } = await waiting.ended;
    expect(exitCode).to.equal(125);
    expect(expectErrorLine(stderr, 'UsageError')).to.include('did not end within 5s');
    expect(durationMs).to.be.within(5000, 40_000);
    const closed = await run(['/bin/sh', '-c', '"$0" hook -- true <&-', CLI]);
    expect(closed.exitCode).to.equal(125);
    expect(closed.stderr).to.include('it is empty');
  });

  it('reads a state from a file as well as from a pipe', async () => {
    const file = join(scratchDirectory(), 'state.json');
    writeFileSync(file, ownState());
    const { exitCode, stdout } = await run(['/bin/sh', '-c', `"$0" hook -- hostname <${file}`, CLI]);
    expect([exitCode, stdout]).to.deep.equal([0, `${container.name}\n`]);
  });
});
