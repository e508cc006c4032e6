/** Commands over a container's console, by the built CLI; and that nobody's session is disturbed where it refuses. */
import { expect } from 'chai';

import { startCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { TOKEN_SECRET, takeRequests } from '../proxmox/api/clients.ts';
import { processesIn, waitFor } from '../support/lxc.ts';
import { ConsoleClient } from '../support/pve-api/console-client.ts';
import { endTerminalsIn } from '../support/pve/api/leftover-terminals.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { createLaptop } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';

const COMMAND = ['--', 'sh', '-c', 'echo out; echo err >&2; exit 42'];

describe('exec over a console', () => {
  let laptop: Laptop;
  const viewers: ConsoleClient[] = [];

  before(async function () {
    this.timeout(120_000);
    needsApiDouble(this);
    laptop = await createLaptop({
      nodes: ['pve1'],
      containers: [
        { vmid: 101, hostname: 'small', kind: 'busybox', running: true, cmode: 'shell' },
        { vmid: 102, hostname: 'locked', kind: 'busybox', running: true },
      ],
      users: {
        'root@pam': { tokens: { full: { secret: TOKEN_SECRET } } },
        'few@pve': { acl: { '/vms': 'PVEVMUser' }, tokens: { few: { secret: TOKEN_SECRET } } },
      },
      settings: { refusalMs: 300 },
      sshNodes: [],
    });
    laptop.write({
      home: laptop.context(),
      routed: laptop.context({ routes: ['console'] }),
      few: laptop.context({ token: 'few@pve!few' }),
    });
  });

  after(() => laptop?.close());

  afterEach(async () => {
    for (const viewer of viewers.splice(0)) viewer.close();
    const { cluster } = laptop;
    endTerminalsIn(cluster.node('pve1').lxcpath);
    for (const vmid of [101, 102])
      await waitFor(async () => (await shells(vmid)).length === 0, { what: 'the shells to go', timeoutMs: 60_000 });
  });

  async function shells(vmid: number): Promise<string[]> {
    const inside = await processesIn(laptop.cluster.container(vmid));
    return inside.map(({ args }) => args).filter((args) => /^(-?|\/bin\/)sh\b(?!.*reaper)/.test(args));
  }

  async function look(vmid: number): Promise<ConsoleClient> {
    const headers = { Authorization: laptop.cluster.tokenHeader('root@pam', 'full') };
    const viewer = await ConsoleClient.login(laptop.cluster.host('pve1'), `/nodes/pve1/lxc/${vmid}`, headers);
    viewers.push(viewer);
    return viewer;
  }

  const byName = (context: string, vmid: number, flags: readonly string[] = []): string[] => [
    'exec',
    '--context',
    context,
    '--method',
    'console',
    ...flags,
    String(vmid),
    ...COMMAND,
  ];

  /** The reason, in one line. */
  async function refusal(words: readonly string[]): Promise<string> {
    takeRequests(laptop.cluster);
    const done = await laptop.cli(words);
    expect([done.exitCode, done.stdout.toString()], done.stderr.toString()).to.deep.equal([125, '']);
    return expectErrorLine(done.stderr, 'NoMethodAvailable');
  }

  /** Whether a terminal was opened since the last refusal was asked for. */
  const hasOpened = (): boolean => takeRequests(laptop.cluster).some((line) => line.includes('termproxy'));

  it('by its name, with separate streams and the exit code, and leaves nothing', async () => {
    const done = await laptop.cli(byName('home', 101));
    expect([done.exitCode, String(done.stdout), String(done.stderr)]).to.deep.equal([42, 'out\n', 'err\n']);
    await waitFor(async () => (await shells(101)).length === 0, { what: 'the shell to go', timeoutMs: 60_000 });
  });

  it('as a route of the API that the context enables', async () => {
    const done = await laptop.cli(['exec', '--context', 'routed', '--json', '101', ...COMMAND]);
    const result = resultOf(done);
    expect(result).to.deep.include({ exitCode: 42, stdout: 'out\n', stderr: 'err\n', method: 'console' });
    expect(result.treeKill).to.equal(true);
    expect(result.attempts).to.deep.equal([
      { method: 'proxmox-api', outcome: 'skipped', reason: 'the server has no exec endpoint (501)' },
      { method: 'console', outcome: 'used' },
    ]);
  });

  it('ends a command that does not want to, with all it has started', async () => {
    const script = 'trap "" TERM; setsid sleep 123461 & echo on; while :; do sleep 123462; done';
    const words = ['exec', '--context', 'home', '--method', 'console', '--kill-after', '1s', '101', '--'];
    const cli = startCli([...words, 'sh', '-c', script], { env: laptop.env });
    await waitFor(() => cli.stdout().length > 0, { what: 'the command to run', timeoutMs: 60_000 });
    cli.child.kill('SIGTERM');
    expect((await cli.ended).exitCode).to.equal(137);
    const left = (await processesIn(laptop.cluster.container(101))).filter(({ args }) => args.includes('sleep 12346'));
    expect(left).to.deep.equal([]);
  });

  it('not where somebody is looking: their screens stay as they are', async () => {
    const [one, two] = [await look(101), await look(101)];
    await one.prompt();
    one.type('echo half a li');
    for (const person of [one, two]) await person.waitForText('half a li');
    const before = [one.output(), two.output()];
    expect(await refusal(byName('home', 101))).to.match(
      /console: somebody is looking at the console.*nothing was typed/,
    );
    expect([one.output(), two.output()]).to.deep.equal(before);
    expect(hasOpened()).to.equal(false);
    one.type('ne\r');
    await two.waitFor(/\nhalf a line\r/);
  });

  it('not where the console leads to a login', async () => {
    expect(await refusal(byName('home', 102))).to.match(/cmode is tty.*pct set 102 --cmode shell/);
    expect(hasOpened()).to.equal(false);
  });

  it('not where somebody has left a program that waits, which gets nothing', async () => {
    const person = await look(101);
    await person.prompt();
    person.type('cat >/tmp/typed\r');
    await person.waitFor(/typed\r+\n/);
    person.close();
    expect(await refusal(byName('home', 101))).to.match(/does not show the prompt/);
    expect((await laptop.cluster.container(101).attach(['cat', '/tmp/typed'])).stdout).to.equal('');
  });

  it('not for who cannot see whether somebody is looking', async () => {
    expect(await refusal(byName('few', 101))).to.match(/without the privilege Sys\.Audit on \/nodes\/pve1/);
    expect(hasOpened()).to.equal(false);
  });

  for (const [flags, reason] of [
    [['-t'], /no command is typed into it/],
    [['--privileged'], /no elevated privileges/],
  ] as const) {
    it(`not with ${flags.join(' ')}, which it cannot`, async () => {
      expect(await refusal(byName('home', 101, flags))).to.match(reason);
      expect(hasOpened()).to.equal(false);
    });
  }
});
