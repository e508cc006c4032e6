/** ps, start, stop, kill and state, in both forms, on real containers in every state they can be in. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { processInfo } from '../support/proc.ts';
import { createContainer, DEFAULT_LXCPATH, scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { must } from '../support/run.ts';
import { FORMS, callJson, callText, expectFailure } from './verb-call.ts';
import type { Failure, Form } from './verb-call.ts';

type State = 'running' | 'stopped' | 'frozen';
type Which = 'plain' | 'unprivileged';

/** A verb on a container in some state. */
interface Row {
  readonly words: readonly [string, ...string[]];
  readonly state: State;
  /** The line in the form for people, after the container's name. */
  readonly line?: string;
  /** What the document holds beside the container. */
  readonly document?: Record<string, unknown>;
  readonly failure?: Failure;
  /** How it is afterwards. */
  readonly leaves: State;
}

const ROWS: readonly Row[] = [
  {
    words: ['start'],
    state: 'stopped',
    line: 'started',
    document: { status: 'running', changed: true },
    leaves: 'running',
  },
  {
    words: ['start', '--wait'],
    state: 'stopped',
    line: 'started',
    document: { status: 'running', changed: true },
    leaves: 'running',
  },
  {
    words: ['start'],
    state: 'running',
    line: 'already runs',
    document: { status: 'running', changed: false },
    leaves: 'running',
  },
  {
    words: ['start'],
    state: 'frozen',
    failure: { code: 'ContainerFrozen', says: /does nothing; thaw it with: lxc-unfreeze -P \S+ -n / },
    leaves: 'frozen',
  },
  {
    words: ['stop'],
    state: 'running',
    line: 'stopped',
    document: { status: 'stopped', pid: null, changed: true, forced: false },
    leaves: 'stopped',
  },
  {
    words: ['stop', '--force'],
    state: 'running',
    line: 'killed',
    document: { status: 'stopped', pid: null, changed: true, forced: true },
    leaves: 'stopped',
  },
  {
    words: ['stop'],
    state: 'stopped',
    line: 'is stopped already',
    document: { status: 'stopped', pid: null, changed: false, forced: false },
    leaves: 'stopped',
  },
  {
    words: ['stop', '--force'],
    state: 'stopped',
    line: 'is stopped already',
    document: { status: 'stopped', pid: null, changed: false, forced: false },
    leaves: 'stopped',
  },
  {
    words: ['stop'],
    state: 'frozen',
    failure: { code: 'ContainerFrozen', says: /cannot shut down; thaw it first, or kill it with --force/ },
    leaves: 'frozen',
  },
  {
    words: ['stop', '--force'],
    state: 'frozen',
    line: 'killed',
    document: { status: 'stopped', pid: null, changed: true, forced: true },
    leaves: 'stopped',
  },
  {
    words: ['kill'],
    state: 'running',
    line: 'killed',
    document: { status: 'stopped', pid: null, changed: true, signal: 'SIGKILL' },
    leaves: 'stopped',
  },
  {
    words: ['kill'],
    state: 'frozen',
    line: 'killed',
    document: { status: 'stopped', pid: null, changed: true, signal: 'SIGKILL' },
    leaves: 'stopped',
  },
  {
    words: ['kill'],
    state: 'stopped',
    failure: { code: 'ContainerNotRunning', says: /no process to send SIGKILL to; see what runs: proxmox-lxcri ps/ },
    leaves: 'stopped',
  },
];

/** Not made by anybody: LXC would make a directory for an overlay. */
const NO_ROOT = '/proc/no-such-directory';

const OCI_STATUS = { running: 'running', stopped: 'stopped', frozen: 'paused' };

describe('the verbs on containers', () => {
  const containers = {} as Record<Which, Container>;

  before(async () => {
    containers.plain = await createContainer({ kind: 'busybox' });
    containers.unprivileged = await createContainer({ kind: 'busybox', unprivileged: true });
  });

  after(async () => {
    for (const container of Object.values(containers)) await container.destroy();
  });

  for (const which of ['plain', 'unprivileged'] as const) {
    for (const row of ROWS) {
      for (const form of FORMS) {
        it(`${row.words.join(' ')} of a ${which} container that is ${row.state} (${form})`, () =>
          expectRow(containers[which], row, form));
      }
    }

    for (const state of ['running', 'stopped', 'frozen'] as const) {
      it(`ps and state of a ${which} container that is ${state}`, async () => {
        const container = containers[which];
        await bringTo(container, state);
        await expectListed(container, state);
        await expectState(container, state);
      });
    }
  }

  it('a signal of kill reaches init, which goes on', async () => {
    const trapping = await startContainer({
      kind: 'debian',
      files: { '/usr/sbin/trapping': { content: TRAPPING, mode: 0o755 } },
      config: ['lxc.init.cmd = /usr/sbin/trapping'],
    });
    try {
      const pid = await trapping.initPid();
      const { document, exitCode } = await callJson(['kill', trapping.name, 'usr1']);
      expect(exitCode).to.equal(0);
      expect(document).to.deep.include({ status: 'running', pid, changed: true, signal: 'SIGUSR1' });
      expect(await callText(['kill', trapping.name, '10'])).to.include({ stdout: `${trapping.name} got SIGUSR1\n` });
      const seen = await trapping.attach(['sh', '-c', 'until grep -q . /got; do sleep 0.01; done']);
      expect(seen.exitCode).to.equal(0);
      const realTime = { stdout: `${trapping.name} got SIGRTMIN+3\n`, stderr: '', exitCode: 0 };
      for (const words of [
        [trapping.name, '37'],
        [trapping.name, '-RTMIN+3'],
        ['-37', trapping.name],
      ])
        expect(await callText(['kill', ...words])).to.deep.equal(realTime);
      expect((await callJson(['kill', '-s', 'SIGRTMIN+3', trapping.name])).document).to.include({
        signal: 'SIGRTMIN+3',
      });
      const seenRealTime = await trapping.attach(['sh', '-c', 'until grep -q . /got-realtime; do sleep 0.01; done']);
      expect(seenRealTime.exitCode).to.equal(0);
      await expectFailure('text', ['kill', '-9', trapping.name, 'TERM'], {
        code: 'UsageError',
        says: /two signals are named: "9" and "TERM"; name one/,
      });
    } finally {
      await trapping.destroy();
    }
  });
});

const TRAPPING = `#!/bin/bash
trap 'echo got >>/got' USR1
trap 'echo got >>/got-realtime' RTMIN+3
while :; do sleep 0.1; done
`;

async function expectRow(container: Container, row: Row, form: Form): Promise<void> {
  await bringTo(container, row.state);
  const [verb, ...flags] = row.words;
  const words = [verb, ...flags, container.name];
  if (row.failure !== undefined) {
    await expectFailure(form, words, row.failure);
  } else if (form === 'text') {
    expect(await callText(words)).to.deep.equal({ stdout: `${container.name} ${row.line}\n`, stderr: '', exitCode: 0 });
  } else {
    const { document, exitCode } = await callJson(words);
    const pid = row.leaves === 'stopped' ? null : await container.initPid();
    expect(document).to.deep.equal({
      schemaVersion: 1,
      container: { id: container.name, name: container.name, platform: 'lxc' },
      pid,
      ...row.document,
      error: null,
    });
    expect(exitCode).to.equal(0);
  }
  expect(await stateOf(container)).to.equal(row.leaves);
}

async function bringTo(container: Container, wanted: State): Promise<void> {
  const found = await stateOf(container);
  if (found === wanted) return;
  if (found === 'frozen') await container.unfreeze();
  if (wanted === 'stopped') return container.stop();
  if (found === 'stopped') await container.start();
  if (wanted === 'frozen') await container.freeze();
}

async function stateOf(container: Container): Promise<string> {
  return (await container.state()).toLowerCase();
}

async function expectListed({ name, lxcpath, ...container }: Container, state: State): Promise<void> {
  const pid = state === 'stopped' ? null : await container.initPid();
  const { document } = await callJson(['ps', '--filter', `id=${name}`]);
  const [only, ...others] = document['containers'] as Record<string, unknown>[];
  expect(others).to.deep.equal([]);
  const { startedAt, ...rest } = only ?? {};
  expect(rest).to.deep.equal({
    reference: name,
    id: name,
    name,
    platform: 'lxc',
    type: 'lxc',
    context: null,
    node: null,
    status: state,
    pid,
    lock: null,
    tags: [],
    pool: null,
    lxcpath,
  });
  if (pid === null) expect(startedAt).to.equal(null);
  // To the second: the time of boot is known to the second only.
  else expect(Date.parse(String(startedAt))).to.be.closeTo(startOf(pid), 2000);
  const { stdout } = await callText(['ps', '--filter', `id=${name}`]);
  const row = stdout.split('\n')[1]?.split(/ {2,}/);
  expect(row?.slice(0, 4)).to.deep.equal([name, 'lxc', state, String(pid ?? '-')]);
  expect(row?.[4]).to.match(pid === null ? /^-$/ : /^[\dhm]+s?$/);
}

/** When a process started, by the age of the host: not the way of the code under test. */
function startOf(pid: number): number {
  const upSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return Date.now() - (upSeconds - Number(processInfo(pid)?.startTime) / 100) * 1000;
}

async function expectState(container: Container, state: State): Promise<void> {
  const { document } = await callJson(['state', container.name]);
  const { schemaVersion, error, ...plain } = document;
  expect({ schemaVersion, error }).to.deep.equal({ schemaVersion: 1, error: null });
  expect(plain).to.deep.equal({
    ociVersion: '1.2.0',
    id: container.name,
    status: OCI_STATUS[state],
    ...(state === 'stopped' ? {} : { pid: await container.initPid() }),
    bundle: `${container.lxcpath}/${container.name}`,
    annotations: {
      'proxmox-lxcri.name': container.name,
      'proxmox-lxcri.platform': 'lxc',
      'proxmox-lxcri.status': state,
    },
  });
  // What OCI tools read has nothing of ours beside the specification.
  expect(JSON.parse((await callText(['state', container.name])).stdout)).to.deep.equal(plain);
}

describe('the verbs on containers that are in trouble', () => {
  const otherPath = scratchDirectory();
  const everywhere = { env: { PROXMOX_LXCRI_LXCPATH: `${DEFAULT_LXCPATH}:${otherPath}` } };
  const made: Container[] = [];
  let twins: [Container, Container];
  let broken: Container;
  let elsewhere: Container;

  async function make(options: Parameters<typeof createContainer>[0]): Promise<Container> {
    const container = await createContainer(options);
    made.push(container);
    return container;
  }

  before(async () => {
    const one = await make({ kind: 'busybox' });
    twins = [one, await make({ kind: 'busybox', name: one.name, lxcpath: otherPath })];
    broken = await make({ kind: 'busybox' });
    appendFileSync(join(broken.lxcpath, broken.name, 'config'), `lxc.rootfs.path = dir:${NO_ROOT}\n`);
    elsewhere = await make({ kind: 'busybox' });
    await must(['unshare', '-n', 'lxc-start', '-n', elsewhere.name, '-P', elsewhere.lxcpath]);
  });

  after(async () => {
    for (const container of made) await container.destroy();
  });

  for (const form of FORMS) {
    it(`one that cannot start: why (${form})`, async () => {
      await expectFailure(form, ['start', broken.name], {
        code: 'OperationFailed',
        says: new RegExp(`did not start: .*"${NO_ROOT}"`),
      });
      expect(await broken.state()).to.equal('STOPPED');
    });

    it(`one of two with the same name: the other is left alone (${form})`, async () => {
      const reference = `lxc:${otherPath}/${twins[1].name}`;
      for (const verb of ['start', 'stop', 'kill', 'state']) {
        const failure: Failure = { code: 'AmbiguousContainer', says: new RegExp(`${reference}; use one of these`) };
        await expectFailure(form, [verb, twins[0].name], failure, everywhere);
      }
      const call = form === 'json' ? callJson : callText;
      for (const [words, states] of [
        [
          ['start', reference],
          ['STOPPED', 'RUNNING'],
        ],
        [
          ['kill', reference],
          ['STOPPED', 'STOPPED'],
        ],
      ] as const) {
        expect(await call(words, everywhere)).to.include({ exitCode: 0 });
        expect([await twins[0].state(), await twins[1].state()]).to.deep.equal(states);
      }
    });

    it(`one whose monitor is in another network namespace: nothing is done (${form})`, async () => {
      const failure: Failure = {
        code: 'PlatformUnreachable',
        says: /another network namespace; run this in .*nsenter/,
      };
      for (const words of [['start'], ['stop'], ['stop', '-f'], ['kill'], ['state']])
        await expectFailure(form, [...words, elsewhere.name], failure);
    });
  }

  it('ps says of each what it is, and names it so that exec finds it', async () => {
    await twins[1].start();
    const { document } = await callJson(['ps', '--sort', '-status,id'], everywhere);
    const own = (document['containers'] as Record<string, unknown>[]).filter(({ id }) =>
      made.some(({ name }) => name === id),
    );
    expect(own.map(({ reference, status }) => [reference, status])).to.have.deep.members([
      [`lxc:${DEFAULT_LXCPATH}/${twins[0].name}`, 'stopped'],
      [`lxc:${otherPath}/${twins[0].name}`, 'running'],
      [broken.name, 'stopped'],
      [elsewhere.name, 'unreachable'],
    ]);
    const { stdout } = await callText(
      ['ps', '-q', '-f', 'status=running', '-f', `name=^${twins[0].name}$`],
      everywhere,
    );
    expect(stdout).to.equal(`lxc:${otherPath}/${twins[0].name}\n`);
    const ran = await callText(['exec', stdout.trim(), '--', 'hostname'], everywhere);
    expect(ran).to.deep.equal({ stdout: `${twins[0].name}\n`, stderr: '', exitCode: 0 });
  });

  it('a configuration that LXC does not understand is named', async () => {
    const config = join(broken.lxcpath, broken.name, 'config');
    const before = readFileSync(config, 'utf8');
    writeFileSync(config, `${before}lxc.nonsense = 1\n`);
    try {
      await expectFailure('text', ['start', broken.name], {
        code: 'OperationFailed',
        says: /Unsupported config key "lxc.nonsense"/,
      });
    } finally {
      writeFileSync(config, before);
    }
  });

  it('one that does not exist is not found by any verb', async () => {
    for (const verb of ['start', 'stop', 'kill', 'state', 'enter']) {
      await expectFailure('text', [verb, 'no-such-container'], {
        code: 'ContainerNotFound',
        says: /looked in .*; list the containers with: proxmox-lxcri ps/,
      });
      await expectFailure('text', [verb], {
        code: 'MissingContainerId',
        says: new RegExp(`usage: proxmox-lxcri ${verb} .*CONTAINER`),
      });
    }
  });
});
