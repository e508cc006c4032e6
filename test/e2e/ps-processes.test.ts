/** `ps CONTAINER`, by the built command, on real containers. */
import { execFileSync } from 'node:child_process';

import { expect } from 'chai';

import type { ContainerProcesses } from '../../src/model/process.ts';
import type { ErrorInfo } from '../../src/model/errors.ts';
import { CLI, runCli } from '../methods/contract/cli.ts';
import type { CliOptions } from '../methods/contract/cli.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { documentErrors } from '../model/schema.ts';
import { newChildren } from '../process/children.ts';
import { createContainer, startContainer, waitFor } from '../support/lxc.ts';
import type { Container, Kind } from '../support/lxc.ts';

type Document = ContainerProcesses & { schemaVersion: number; error: ErrorInfo | null };

async function document(words: readonly string[], exitCode = 0, options: CliOptions = {}): Promise<Document> {
  const call = await runCli(['ps', '--json', ...words], options);
  expect(call.stderr.toString()).to.equal('');
  expect(call.exitCode).to.equal(exitCode);
  const read = JSON.parse(call.stdout.toString()) as Document;
  expect(documentErrors('ps-processes', read)).to.deep.equal([]);
  return read;
}

async function text(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const call = await runCli(['ps', ...words], { env });
  expect(call.stderr.toString()).to.equal('');
  expect(call.exitCode).to.equal(0);
  return call.stdout.toString().trimEnd().split('\n');
}

const HEADER = /^ *PID {3}USER +%CPU +MEM +ELAPSED {3}COMMAND$/;

describe('ps of a container', () => {
  const children = newChildren();
  const made: Container[] = [];

  afterEach(() => children.endAll());
  after(async () => {
    for (const container of made) await container.destroy();
  });

  async function started(kind: Kind, unprivileged = false): Promise<Container> {
    const container = await startContainer({ kind, unprivileged });
    made.push(container);
    return container;
  }

  function attach({ name }: Container, words: readonly string[]): void {
    children.start('lxc-attach', ['-n', name, '--', ...words], { cwd: '/' });
  }

  const KINDS: { kind: Kind; unprivileged: boolean; user: string | null }[] = [
    { kind: 'debian', unprivileged: false, user: 'root' },
    { kind: 'debian', unprivileged: true, user: 'root' },
    { kind: 'busybox', unprivileged: true, user: 'root' },
    { kind: 'systemd', unprivileged: false, user: 'root' },
    { kind: 'noshell', unprivileged: false, user: null },
  ];
  for (const { kind, unprivileged, user } of KINDS) {
    it(`lists the processes of ${unprivileged ? 'an unprivileged' : 'a privileged'} ${kind} container`, async () => {
      const container = await started(kind, unprivileged);
      const { container: identity, status, processes, error } = await document([container.name]);
      expect(identity).to.deep.equal({ id: container.name, name: container.name, platform: 'lxc' });
      expect({ status, error }).to.deep.equal({ status: 'running', error: null });
      expect(processes.map(({ hostPid }) => hostPid)).to.have.members(await container.pids());
      expect(processes[0]).to.include({ pid: 1, uid: 0, user });
      const [header, first] = await text([container.name]);
      expect(header).to.match(HEADER);
      expect(first).to.match(new RegExp(`^ *1 {3}${user ?? '0'} +\\d+\\.\\d +[\\d.]+[KM]iB +\\w+ {3}\\S`));
    });
  }

  it('lists those of a frozen container, by their uids', async () => {
    const container = await started('debian');
    await container.freeze();
    try {
      const { status, processes } = await document([container.name]);
      expect(status).to.equal('frozen');
      expect(processes[0]).to.include({ pid: 1, user: null, uid: 0 });
      expect((await text([container.name]))[1]).to.match(/^ *1 {3}0 /);
    } finally {
      await container.unfreeze();
    }
  });

  it('says what to do about a stopped one', async () => {
    const container = await createContainer({ kind: 'busybox' });
    made.push(container);
    const { stderr, stdout, exitCode } = await runCli(['ps', container.name]);
    expect(exitCode).to.equal(125);
    expect(stdout.toString()).to.equal('');
    expect(expectErrorLine(stderr, 'ContainerNotRunning')).to.include(`proxmox-lxcri start ${container.name}`);
    const { error } = await document([container.name], 125);
    expect(error?.code).to.equal('ContainerNotRunning');
  });

  describe('with a few processes', () => {
    let container: Container;
    before(async () => {
      container = await started('debian');
    });

    async function appear(...commands: string[]): Promise<void> {
      await waitFor(
        async () => {
          const { processes } = await document([container.name, '--numeric']);
          return commands.every((command) => processes.some((each) => each.command === command));
        },
        { what: commands.join(', ') },
      );
    }

    it('sorts, and prints only pids where nothing else is wanted', async () => {
      attach(container, ['setpriv', '--reuid', '33', 'sleep', '3001']);
      attach(container, ['setpriv', '--reuid', '6', 'sleep', '3002']);
      await appear('sleep 3001', 'sleep 3002');
      const byUser = (await text([container.name, '--sort', 'user'])).map((line) => line.trim().split(/\s+/)[1]);
      expect(byUser).to.deep.equal(['USER', 'man', 'root', 'www-data']);
      const pids = (await document([container.name])).processes.map(({ pid }) => String(pid));
      expect(await text([container.name, '-q', '--sort', '-pid'])).to.deep.equal(pids.toReversed());
      const { processes } = await document([container.name, '--sort', '-pid', '--numeric']);
      expect(processes.map(({ pid }) => String(pid))).to.deep.equal(pids.toReversed());
      expect(processes.map(({ user }) => user)).to.deep.equal([null, null, null]);
    });

    it('shows parents and the numbers of the host when it may be wide', async () => {
      attach(container, ['sh', '-c', 'sleep 3003; :']);
      await appear('sleep 3003');
      const { processes } = await document([container.name]);
      const child = processes.find(({ command }) => command === 'sleep 3003');
      const lines = await text([container.name, '--wide']);
      expect(lines[0]).to.match(
        /^ *PID +PPID +HOSTPID {3}USER +STATE {3}TTY +THREADS +%CPU +TIME +MEM +ELAPSED {3}COMMAND$/,
      );
      const words = lines
        .find((line) => line.endsWith('   sleep 3003'))
        ?.trim()
        .split(/\s+/);
      expect(words?.slice(0, 3)).to.deep.equal([child?.pid, child?.parentPid, child?.hostPid].map(String));
    });

    it('lets no process draw on the terminal, nor break the JSON', async () => {
      attach(container, ['bash', '-c', `exec -a $'\\e[2J\\xff\\n\\xe2\\x80\\xae' sleep 3004`]);
      await appear('\u001b[2J\ufffd\n\u202e 3004');
      const lines = await text([container.name]);
      expect(lines.find((line) => line.includes('3004'))).to.match(/ {3}\\u001b\[2J\ufffd\\u000a\\u202e 3004$/);
    });

    it('fits the terminal, and is whole where there is none', async () => {
      const long = 'x'.repeat(200);
      attach(container, ['sh', '-c', 'sleep 3005; :', long]);
      await appear(`sh -c sleep 3005; : ${long}`);
      const atTerminal = (flags: string): string[] => {
        const words = `stty cols 70; '${CLI}' ps ${flags} ${container.name}`;
        return execFileSync('script', ['-qec', words, '/dev/null'], { encoding: 'utf8', cwd: '/' }).split(/\r?\n/);
      };
      const cut = atTerminal('').find((line) => line.includes('3005'));
      expect(cut).to.match(/ {3}sh -c sleep 3005; : x+…$/);
      expect(cut).to.have.length(70);
      const whole = atTerminal('--no-trunc').find((line) => line.includes('3005'));
      expect(whole).to.include(long);
      expect((await text([container.name])).find((line) => line.includes('3005'))).to.include(long);
    });

    it('refuses what has no meaning', async () => {
      for (const [words, message] of [
        [[container.name, '--sort', 'size'], '--sort: there is no key "size"; keys are: pid, ppid'],
        [[container.name, '--all'], '--all cannot be used here'],
        [[container.name, '-f', 'name=x'], '--filter cannot be used here'],
        [['--wide'], '--wide cannot be used here; it is about processes: name the container'],
        [['--numeric'], '--numeric cannot be used here'],
      ] as const) {
        const { exitCode, stderr } = await runCli(['ps', ...words]);
        expect(exitCode).to.equal(125);
        expect(expectErrorLine(stderr, 'UsageError')).to.include(message);
      }
    });
  });
});
