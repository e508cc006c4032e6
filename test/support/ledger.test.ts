import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { sweepDeadRuns } from './ledger.ts';
import { tracesOf } from './traces.ts';

interface OtherRun {
  child: ChildProcess;
  /** The names of its containers, and its directories: none is part of another run's. */
  names: string[];
}

const children = new Set<ChildProcess>();

/** A run of its own, that makes containers of several kinds and then does what `ending` says. */
async function otherRun(ending: string): Promise<OtherRun> {
  const library = new URL('lxc.ts', import.meta.url).href;
  const script = `
    import { createContainer, scratchDirectory, startContainer } from ${JSON.stringify(library)};
    const directory = scratchDirectory();
    const containers = [
      await startContainer({ kind: 'busybox' }),
      await startContainer({ kind: 'systemd' }),
      await startContainer({ kind: 'alpine-like', unprivileged: true }),
      await startContainer({ kind: 'busybox', name: String(900000000 + process.pid), lxcpath: directory }),
      await createContainer({ kind: 'busybox' }),
    ];
    await containers[0].freeze();
    await containers[2].attach(['sh', '-c', 'sleep 1000 >/dev/null 2>&1 &']);
    console.log(JSON.stringify([...containers.map((each) => each.name), directory.replace(/.*[/]/, '')]));
    ${ending}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', ending.includes('throw') ? 'ignore' : 'inherit'],
  });
  children.add(child);
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  return { child, names: JSON.parse(line) as string[] };
}

async function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
  return child.exitCode ?? child.signalCode;
}

describe('what a run of the tests leaves on the host', function () {
  this.timeout(120_000);

  const stayAlive = 'setInterval(() => {}, 1000);';
  const endings: [string, string, NodeJS.Signals | undefined, number][] = [
    ['ends well', '', undefined, 0],
    ['fails', 'setTimeout(() => { throw new Error(); });', undefined, 1],
    ['exits in the middle', 'process.exit(3);', undefined, 3],
    ['is interrupted', stayAlive, 'SIGINT', 130],
    ['is terminated', stayAlive, 'SIGTERM', 143],
    ['loses its terminal', stayAlive, 'SIGHUP', 129],
  ];

  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGTERM');
      await ended(child);
    }
    children.clear();
  });

  for (const [what, ending, signal, code] of endings) {
    it(`nothing, when it ${what}`, async () => {
      const { child, names } = await otherRun(ending);
      if (signal !== undefined) {
        expect(tracesOf(names)).not.to.deep.equal([]);
        child.kill(signal);
      }
      expect(await ended(child)).to.equal(code);
      expect(tracesOf(names)).to.deep.equal([]);
    });
  }

  it('everything, when it is killed; and then the next run sweeps it away, but not a living one', async () => {
    const dead = await otherRun(stayAlive);
    const living = await otherRun(stayAlive);
    dead.child.kill('SIGKILL');
    expect(await ended(dead.child)).to.equal('SIGKILL');
    for (const name of dead.names) {
      expect(tracesOf([name]), name).not.to.deep.equal([]);
    }

    sweepDeadRuns();

    expect(tracesOf(dead.names)).to.deep.equal([]);
    for (const name of living.names) {
      expect(tracesOf([name]), name).not.to.deep.equal([]);
    }
    living.child.kill('SIGTERM');
    await ended(living.child);
    expect(tracesOf(living.names)).to.deep.equal([]);
  });
});
