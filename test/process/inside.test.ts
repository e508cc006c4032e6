import { resolve } from 'node:path';

import { expect } from 'chai';

import { processesInside } from '../../src/process/inside.ts';
import type { InsideProcess } from '../../src/process/inside.ts';
import { childrenOf } from '../../src/process/proc.ts';
import { ID_BASE, run, scratchDirectory, startContainer, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { newChildren } from './children.ts';

const INSIDE = resolve(import.meta.dirname, '../../src/process/inside.ts');

async function inside(container: Container): Promise<InsideProcess[]> {
  const found = processesInside(await container.initPid());
  if (found === undefined) throw new Error(`${container.name} has no init`);
  return found;
}

/** Waits for a process of this container with these words. */
function running(container: Container, words: string): Promise<InsideProcess> {
  return waitFor(async () => (await inside(container)).find(({ args }) => args.join(' ') === words), {
    what: `${words} in ${container.name}`,
  });
}

describe('the processes inside', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  function attach(container: Container, words: readonly string[], options: readonly string[] = []): void {
    const { name, lxcpath } = container;
    children.start('lxc-attach', ['-n', name, '-P', lxcpath, ...options, '--', ...words], { cwd: '/' });
  }

  for (const unprivileged of [false, true]) {
    describe(`${unprivileged ? 'an unprivileged' : 'a privileged'} Debian container`, () => {
      let container: Container;
      before(async () => {
        container = await startContainer({ kind: 'debian', unprivileged });
      });
      after(() => container.destroy());

      it("are those that the container's own ps knows, with the same facts", async () => {
        attach(container, ['sh', '-c', 'sleep 1001 & exec sleep 1002']);
        attach(container, ['setpriv', '--reuid', '33', '--regid', '12', '--clear-groups', 'sleep', '1003']);
        await Promise.all(['sleep 1001', 'sleep 1002', 'sleep 1003'].map((words) => running(container, words)));
        const { stdout } = await container.attach([
          'ps',
          '-eo',
          'pid,ppid,uid,gid,nlwp,stat,tty,rss,args',
          '--no-headers',
        ]);
        const expected = stdout
          .trim()
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, , , , , , , , command]) => command !== 'ps');
        const base = unprivileged ? ID_BASE : 0;
        const found = (await inside(container)).map((each) => [
          ...[each.pid, each.parentPid, each.hostUid - base, each.hostGid - base, each.threads].map(String),
          each.state,
          each.terminal ?? '?',
          String(each.memoryBytes / 1024),
          ...each.args,
        ]);
        expect(found).to.have.length(4);
        expect(found).to.deep.equal(
          expected.map((line) => line.map((word, index) => (index === 5 ? word.charAt(0) : word))),
        );
      });

      it('are those of nested namespaces too, under the pids that they have in the container', async () => {
        attach(container, [
          'unshare',
          '--pid',
          '--fork',
          '--kill-child',
          'sh',
          '-c',
          'unshare -pf sleep 1004 & exec sleep 1005',
        ]);
        const [innermost, inner] = [await running(container, 'sleep 1004'), await running(container, 'sleep 1005')];
        const { stdout } = await container.attach(['pidof', 'sleep']);
        expect(stdout.trim().split(' ').map(Number)).to.include.members([innermost.pid, inner.pid]);
        expect(inner.pid).to.be.greaterThan(1);
        // unshare -pf of 1004 is a child of 1005's, which has become sleep.
        const middle = (await inside(container)).find(({ pid }) => pid === innermost.parentPid);
        expect(middle).to.include({ parentPid: inner.pid });
      });

      it('are found where a nested namespace is entered from outside', async () => {
        attach(container, ['unshare', '--pid', '--fork', '--kill-child', 'sleep', '1006']);
        const { hostPid } = await running(container, 'sleep 1006');
        children.start('nsenter', ['-t', String(hostPid), '-p', '-m', '--', 'sleep', '1007']);
        expect(await running(container, 'sleep 1007')).to.include({ parentPid: 0 });
      });

      it('are zombies too, by their names', async () => {
        attach(container, ['sh', '-c', 'sleep 0.01 & exec sleep 1008']);
        const parent = await running(container, 'sleep 1008');
        const zombie = await waitFor(
          async () =>
            (await inside(container)).find(({ state, parentPid }) => state === 'Z' && parentPid === parent.pid),
          { what: 'the zombie' },
        );
        expect(zombie).to.deep.include({ name: 'sleep', args: [], memoryBytes: 0 });
      });

      it('have the time that they used, their threads and their terminal', async () => {
        attach(container, ['script', '-qc', 'while :; do :; done', '/dev/null']);
        const busy = await waitFor(async () => (await inside(container)).find(({ cpuMs }) => cpuMs >= 200), {
          what: 'a process that was busy for 200 ms',
        });
        expect(busy.terminal).to.match(/^pts\/\d+$/);
        expect(busy).to.include({ state: 'R', threads: 1 });
        const { stdout } = await container.attach(['ps', '-o', 'tty=', '-p', String(busy.pid)]);
        expect(stdout.trim()).to.equal(busy.terminal);
      });

      it('are the same when it is frozen', async () => {
        attach(container, ['sleep', '1009']);
        await running(container, 'sleep 1009');
        // Those of earlier tests that are ending, or have ended, have no words any more.
        const living = async () =>
          (await inside(container)).filter(({ args }) => args.length > 0).map(({ pid, args }) => ({ pid, args }));
        const before = await living();
        expect(before).to.have.length.greaterThan(1);
        await container.freeze();
        try {
          expect(await living()).to.deep.equal(before);
        } finally {
          await container.unfreeze();
        }
      });

      it('are read while others come and go', async () => {
        attach(container, ['sh', '-c', 'while :; do /bin/true x; done']);
        await running(container, 'sh -c while :; do /bin/true x; done');
        let seen = 0;
        await waitFor(
          async () => {
            for (const each of await inside(container)) {
              expect(each.state).to.match(/^[A-Z]$/);
              expect(each.name).not.to.equal('');
              expect(each.pid).to.be.greaterThan(0);
              expect(each.startTime).to.be.greaterThan(0);
              if (each.name === 'true') seen += 1;
            }
            return seen >= 5;
          },
          { what: 'five of them to be seen', intervalMs: 1 },
        );
      });
    });
  }

  it('are none of a container of the same name', async () => {
    const name = `plx-${process.pid}-same-name`;
    const containers = await Promise.all(
      ['1011', '1012'].map(async (seconds) => {
        const container = await startContainer({ kind: 'busybox', name, lxcpath: scratchDirectory() });
        attach(container, ['sleep', seconds]);
        return { container, words: `sleep ${seconds}` };
      }),
    );
    try {
      for (const { container, words } of containers) {
        await running(container, words);
        const sleeping = (await inside(container))
          .map(({ args }) => args.join(' '))
          .filter((line) => /sleep \d/.test(line));
        expect(sleeping).to.deep.equal([words]);
      }
    } finally {
      await Promise.all(containers.map(({ container }) => container.destroy()));
    }
  });

  it('are found by one who is in a container of his own', async () => {
    // A pid namespace with its own /proc is all that the reader sees of a host.
    const script = `unshare --pid --fork --kill-child sleep 1013 &
      until found=$(pgrep -fx 'sleep 1013'); do :; done
      exec "$0" -e 'import(process.argv[1]).then((m) => console.log(JSON.stringify(m.processesInside(Number(process.argv[2])))))' "$1" "$found"`;
    const words = [
      '--pid',
      '--fork',
      '--mount-proc',
      '--kill-child',
      'sh',
      '-c',
      script,
      process.execPath,
      INSIDE,
    ] as const;
    const { stdout, stderr } = await run(['unshare', ...words]);
    expect(stdout, stderr).to.match(/^\[/);
    const found = JSON.parse(stdout) as InsideProcess[];
    expect(found.map(({ pid, parentPid, args }) => ({ pid, parentPid, args }))).to.deep.equal([
      { pid: 1, parentPid: 0, args: ['sleep', '1013'] },
    ]);
  });

  it('are unknown where the process is no init', async () => {
    expect(processesInside(process.pid)).to.equal(undefined);
    expect(processesInside(4_194_305)).to.equal(undefined);
    // In a namespace, but not its first.
    const { pid } = children.start('unshare', ['--pid', '--fork', '--kill-child', 'sh', '-c', 'sleep 1010 & wait']);
    const [init = 0] = await waitFor(() => childrenOf(pid).length === 1 && childrenOf(pid), { what: 'the namespace' });
    const [other = 0] = await waitFor(() => childrenOf(init).length === 1 && childrenOf(init), { what: 'its second' });
    expect(processesInside(init)).to.have.length(2);
    expect(processesInside(other)).to.equal(undefined);
  });

  it('are read in milliseconds, with a thousand others on the host', async () => {
    const crowd = children.start('/bin/bash', ['-c', 'for i in {1..1000}; do sleep 1000 & done; wait']);
    const init = children.start('unshare', ['--pid', '--fork', '--kill-child', 'sleep', '1014']);
    await waitFor(() => childrenOf(crowd.pid).length >= 1000, { what: 'a thousand processes', timeoutMs: 30_000 });
    const [pid = 0] = await waitFor(() => childrenOf(init.pid).length === 1 && childrenOf(init.pid), {
      what: 'the namespace',
    });
    const times = Array.from({ length: 5 }, () => {
      // Not by the clock: others may have the processor meanwhile.
      const before = process.cpuUsage();
      expect(processesInside(pid)).to.have.length(1);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });
    expect(Math.min(...times)).to.be.lessThan(60);
  });
});
