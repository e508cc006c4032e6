/** The method console, against the double of the API: real containers, real dtach, real terminals. */
import { randomBytes } from 'node:crypto';

import { expect } from 'chai';

import { consoleMethod } from '../../src/methods/console.ts';
import { startInConsole } from '../../src/methods/console/start.ts';
import type { ConsoleLimits } from '../../src/methods/console/start.ts';
import type { RawTerminal } from '../../src/model/raw-terminal.ts';
import type { ApiAccess } from '../../src/model/remote.ts';
import type { ExecRequest, UserSpec, Word } from '../../src/model/request.ts';
import type { Session, SessionExit } from '../../src/model/session.ts';
import { requestOf } from '../oci/requests.ts';
import { TOKEN_SECRET, clientOf, pinned } from '../proxmox/api/clients.ts';
import { processesIn, waitFor } from '../support/lxc.ts';
import { ConsoleClient } from '../support/pve-api/console-client.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { endTerminalsIn } from '../support/pve/api/leftover-terminals.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { consoleAccess } from './console-access.ts';

/** For terminals that never show a prompt. */
const IMPATIENT: ConsoleLimits = { promptMs: 2000, silenceSeconds: 30 };

const VMIDS = { busybox: 101, debian: 102, login: 103 } as const;

/** A login on its first terminal. */
const WITH_GETTY = {
  kind: 'busybox',
  lxcConfig: ['lxc.tty.max = 1'],
  files: { '/etc/inittab': '::sysinit:/bin/true\ntty1::respawn:/sbin/getty 38400 tty1\n' },
} as const;

interface Call {
  readonly vmid?: number;
  readonly env?: Record<string, string>;
  readonly user?: UserSpec;
  readonly workdir?: string;
  readonly stdin?: Buffer;
  readonly limits?: ConsoleLimits;
}

interface Outcome {
  readonly exit: SessionExit;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

describe('the console of a container', () => {
  let cluster: Cluster;
  const viewers: ConsoleClient[] = [];
  const opened: RawTerminal[] = [];

  before(async function () {
    this.timeout(120_000);
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      containers: [
        { vmid: VMIDS.busybox, hostname: 'small', kind: 'busybox', running: true, cmode: 'shell' },
        { vmid: VMIDS.debian, hostname: 'large', kind: 'debian', running: true, cmode: 'shell' },
        { vmid: VMIDS.login, hostname: 'locked', running: true, ...WITH_GETTY },
      ],
      users: {
        'root@pam': { tokens: { full: { secret: TOKEN_SECRET } } },
      },
    });
  });

  after(() => cluster?.close());

  afterEach(async () => {
    for (const viewer of viewers.splice(0)) viewer.close();
    for (const terminal of opened.splice(0)) terminal.close();
    endTerminalsIn(cluster.node('pve1').lxcpath);
    for (const vmid of Object.values(VMIDS))
      await waitFor(async () => (await shells(vmid)).length === 0, { what: 'the shells to go', timeoutMs: 40_000 });
  });

  async function shells(vmid: number): Promise<string[]> {
    const inside = await processesIn(cluster.container(vmid));
    return inside.map(({ args }) => args).filter((args) => /^(-?|\/bin\/)(ba)?sh\b(?!.*reaper)/.test(args));
  }

  function accessTo({ vmid = VMIDS.busybox }: Call): ApiAccess {
    const client = clientOf([pinned(cluster.host('pve1'))], {
      connectTimeoutMs: 30_000,
      answerTimeoutMs: 30_000,
    });
    return consoleAccess(client, vmid, (terminal) => opened.push(terminal));
  }

  function start(command: readonly Word[], call: Call = {}): Promise<Session> {
    const request = requestOf({
      command,
      env: new Map(Object.entries(call.env ?? {})),
      workdir: call.workdir,
      user: call.user,
      stdin: { kind: call.stdin === undefined ? 'null' : 'pipe' },
    });
    return startInConsole(accessTo(call), request, new AbortController().signal, call.limits);
  }

  async function run(command: readonly Word[], call: Call = {}): Promise<Outcome> {
    const session = await start(command, call);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    session.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    session.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    session.stdin?.on('error', () => {});
    session.stdin?.end(call.stdin);
    const exit = await session.exit;
    await session.release();
    return { exit, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
  }

  async function refusalOf(started: Promise<Session>): Promise<string> {
    try {
      const session = await started;
      await session.kill();
      await session.release();
    } catch (error) {
      expect((error as Error).name).to.equal('NotStartedError');
      return (error as Error).message;
    }
    throw new Error('it was not refused');
  }

  async function look(vmid: number): Promise<ConsoleClient> {
    const headers = { Authorization: cluster.tokenHeader('root@pam', 'full') };
    const viewer = await ConsoleClient.login(cluster.host('pve1'), `/nodes/pve1/lxc/${vmid}`, headers);
    viewers.push(viewer);
    return viewer;
  }

  const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

  for (const kind of ['busybox', 'debian'] as const) {
    describe(`with the shell of ${kind}`, () => {
      const vmid = VMIDS[kind];

      it('runs a command with separate streams and its exit code, and leaves nothing', async () => {
        const { exit, stdout, stderr } = await run(['sh', '-c', 'echo out; echo err >&2; exit 42'], { vmid });
        expect(exit).to.deep.equal({ kind: 'exited', exitCode: 42, signal: null });
        expect([String(stdout), String(stderr)]).to.deep.equal(['out\n', 'err\n']);
        await waitFor(async () => (await shells(vmid)).length === 0, { what: 'the shell to go', timeoutMs: 40_000 });
      });

      it('passes words, variables and input byte for byte', async () => {
        const word = ALL_BYTES.subarray(1);
        const input = Buffer.concat([ALL_BYTES, randomBytes(20_000)]);
        const { exit, stdout, stderr } = await run(
          ['sh', '-c', 'printf %s "$1$SECRET" >&2; pwd >&2; cat', 'sh', word],
          { vmid, stdin: input, env: { SECRET: "a'b\n$c\\" }, workdir: '/etc' },
        );
        expect(exit).to.deep.equal({ kind: 'exited', exitCode: 0, signal: null });
        expect(stdout.equals(input)).to.equal(true);
        expect(stderr.equals(Buffer.concat([word, Buffer.from("a'b\n$c\\/etc\n")]))).to.equal(true);
      });

      it('runs it as another user with the groups of that one', async () => {
        const { stdout } = await run(['sh', '-c', 'id -u; id -g; id -G; echo "$HOME"'], {
          vmid,
          user: { user: 'app' },
        });
        expect(String(stdout)).to.equal('1000\n1000\n1000 2000 2001\n/home/app\n');
      });

      it('ends a tree that does everything to stay', async () => {
        const script = 'setsid sleep 123456 & (unset PROXMOX_LXCRI_EXEC_ID; exec sleep 123457) & echo on; wait';
        const session = await start(['sh', '-c', script], { vmid });
        await new Promise((resolve) => session.stdout?.once('data', resolve));
        expect(await session.kill()).to.equal(true);
        await session.exit;
        await session.release();
        const left = (await processesIn(cluster.container(vmid))).filter(({ args }) => args.includes('sleep 12345'));
        expect(left).to.deep.equal([]);
      });

      it('tells of a command that is not there', async () => {
        const error = await start(['no-such-command'], { vmid }).catch((reason: unknown) => reason);
        expect((error as { code: string }).code).to.equal('CommandNotFound');
      });
    });
  }

  it('refuses a terminal that somebody has left busy, and types nothing into it', async () => {
    const person = await look(VMIDS.busybox);
    await person.prompt();
    person.type('cat >/tmp/typed\r');
    await person.waitFor(/typed\r+\n/);
    person.close();
    expect(await refusalOf(start(['true'], { limits: IMPATIENT }))).to.match(/does not show the prompt/);
    expect((await cluster.container(VMIDS.busybox).attach(['cat', '/tmp/typed'])).stdout).to.equal('');
  });

  it('refuses a console that still leads to a login, whatever the configuration says by now', async () => {
    const vmid = VMIDS.login;
    const person = await look(vmid);
    await waitFor(
      () => {
        person.type('\r');
        return person.output().includes('login: ');
      },
      { what: 'the login', timeoutMs: 40_000 },
    );
    person.close();
    cluster.putContainer({ vmid, hostname: 'locked', cmode: 'shell' });
    expect(await refusalOf(start(['true'], { vmid, limits: IMPATIENT }))).to.match(/leads to a login|shows a login/);
    expect(opened).to.have.lengthOf(1);
  });

  it('refuses the shell of another place that somebody has left at its prompt', async () => {
    const person = await look(VMIDS.busybox);
    await person.prompt();
    person.type('PS1="inner# " sh\r');
    await person.waitFor(/\ninner# /);
    person.close();
    expect(await refusalOf(start(['true']))).to.match(/not the one that it began with/);
  });

  it('leaves a shell that was there at its prompt, with its terminal as it was', async () => {
    const person = await look(VMIDS.debian);
    await person.prompt();
    person.type('mine=here; stty -g\r');
    const [, settings = ''] = await person.waitFor(/\n([0-9a-f:]{20,})\r/);
    person.close();
    // Older than what was started for us can be.
    const since = Date.now();
    await waitFor(() => Date.now() - since > 2500, { what: 'the shell to be old' });
    expect((await run(['sh', '-c', 'exit 3'], { vmid: VMIDS.debian })).exit).to.have.property('exitCode', 3);
    const again = await look(VMIDS.debian);
    await again.prompt();
    again.type('echo "<$mine>"; stty -g\r');
    await again.waitForText('\n<here>\r');
    await again.waitForText(settings);
  });

  it('takes foreign output for a lost connection, and never for an end', async () => {
    const session = await start(['sh', '-c', 'echo on; exec sleep 123458']);
    await new Promise((resolve) => session.stdout?.once('data', resolve));
    session.stdout?.resume();
    const person = await look(VMIDS.busybox);
    person.type('hello\r');
    expect((await session.exit).kind).to.equal('lost');
    await session.release();
    const container = cluster.container(VMIDS.busybox);
    await waitFor(async () => !(await processesIn(container)).some(({ args }) => args.includes('sleep 123458')), {
      what: 'the command to be ended',
      timeoutMs: 40_000,
    });
  });

  it('lets one of those that come at the same time have it', async () => {
    // Whose turn it is, is drawn: that nobody gets it is rare, and no fault.
    let winners = 0;
    for (let round = 0; round < 4 && winners === 0; round++) {
      // oxlint-disable-next-line no-await-in-loop -- another round is only for want of a winner
      const outcomes = await Promise.allSettled([1, 2, 3].map((code) => run(['sh', '-c', `exit ${code}`])));
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') winners += 1;
        else expect((outcome.reason as Error).message).to.match(/perhaps another run of this program/);
      }
    }
    expect(winners).to.be.above(0);
  });

  it('says beforehand what it cannot', () => {
    const request = {
      command: ['true'],
      env: new Map(),
      terminal: undefined,
      privileged: false,
    } as unknown as ExecRequest;
    const container = { id: '101', name: 'a', platform: 'proxmox', api: accessTo({}) } as const;
    const reason = (change: Partial<ExecRequest>): unknown => consoleMethod.check(container, { ...request, ...change });
    expect(reason({})).to.deep.equal({ ok: true });
    expect(reason({ privileged: true }))
      .to.have.property('reason')
      .that.matches(/privileges/);
    expect(reason({ terminal: { columns: 80, rows: 24, type: 'xterm' } }))
      .to.have.property('reason')
      .that.matches(/terminal/);
    expect(reason({ guard: 3 }))
      .to.have.property('reason')
      .that.matches(/lock/);
  });
});
