import { statSync } from 'node:fs';
import { expect } from 'chai';
import { type Container, ID_BASE, KINDS, type Kind, run, startContainer, waitFor } from './lxc.ts';
import { processInfo } from './proc.ts';

/** Where the base system of a cache is made only now, that takes its time. */
const BUILD_TIMEOUT_MS = 600_000;

function hostUid(pid: number): number {
  return statSync(`/proc/${pid}`).uid;
}

for (const unprivileged of [false, true]) {
  for (const kind of KINDS) {
    describe(`a container of kind ${kind}${unprivileged ? ', unprivileged' : ''}`, () => {
      let container: Container;

      before(async function () {
        this.timeout(BUILD_TIMEOUT_MS);
        container = await startContainer({ kind, unprivileged });
      });

      after(() => container.destroy());

      it('runs', async () => {
        expect(await container.running()).to.equal(true);
        expect(await container.state()).to.equal('RUNNING');
        expect(await container.pids()).to.include(await container.initPid());
      });

      it('runs commands, whose exit code comes back', async () => {
        expect((await container.attach(['printf', '%s|', 'a b', '$HOME'])).stdout).to.equal('a b|$HOME|');
        expect((await container.attach(['false'])).exitCode).to.equal(1);
      });

      it('knows its users', async () => {
        for (const [asked, answer] of [
          ['-u', '0'],
          ['-G app', '1000 2000 2001'],
          ['-u nobody', '65534'],
        ] as const) {
          const { exitCode, stdout, stderr } = await container.attach(['id', ...asked.split(' ')]);
          expect({ exitCode, stdout, stderr }).to.deep.equal({ exitCode: 0, stdout: `${answer}\n`, stderr: '' });
        }
      });

      it(`runs as ${unprivileged ? 'a shifted user' : 'root'} on the host`, async () => {
        expect(hostUid(await container.initPid())).to.equal(unprivileged ? ID_BASE : 0);
      });

      // Nothing in the other can make an orphan.
      if (kind !== 'noshell') {
        it('leaves no zombie of an orphan', async () => {
          const marker = 'sleep 0.1';
          await container.attach(['sh', '-c', `(${marker} &)`]);
          await waitFor(
            async () => {
              const left = (await container.pids()).map(processInfo);
              return !left.some((each) => each?.state === 'Z' || each?.args === marker);
            },
            { what: 'the orphan to be gone' },
          );
        });
      }
    });
  }
}

describe('what the kinds of containers differ in', () => {
  const started = new Map<Kind, Container>();

  async function output(kind: Kind, script: string): Promise<string> {
    return (await (started.get(kind) as Container).attach(['sh', '-c', script])).stdout.trim();
  }

  before(async () => {
    for (const kind of KINDS) {
      started.set(kind, await startContainer({ kind }));
    }
  });

  after(async () => {
    for (const container of started.values()) {
      await container.destroy();
    }
  });

  it('noshell: there is no shell, and no busybox to be one', async () => {
    const container = started.get('noshell') as Container;
    for (const word of ['sh', '/bin/sh', 'ash', 'bash', 'busybox', 'ls', 'setsid']) {
      expect((await container.attach([word])).exitCode, word).to.equal(127);
      expect((await container.attach(['env', word])).exitCode, `env ${word}`).to.equal(127);
    }
  });

  it('alpine-like: busybox ash, and no bash, no setpriv, not even as a word of the shell', async () => {
    expect(await output('alpine-like', 'readlink /bin/sh')).to.equal('/bin/busybox');
    expect(await output('alpine-like', 'setpriv true; echo $?')).to.equal('127');
    for (const word of ['bash', 'setpriv']) {
      expect(await output('alpine-like', `command -v ${word} || echo none`)).to.equal('none');
    }
    const applets = (await run(['busybox', '--list'])).stdout.trim().split('\n');
    const missing = await output(
      'alpine-like',
      `for x in ${applets.join(' ')}; do command -v $x >/dev/null || echo $x; done`,
    );
    expect(missing).to.equal('setpriv');
  });

  it('busybox: has setpriv', async () => {
    expect(await output('busybox', 'setpriv -d >/dev/null; echo $?')).to.equal('0');
  });

  it('debian: bash, coreutils, util-linux, an editor, no systemd running', async () => {
    for (const word of ['bash', 'env', 'setpriv', 'setsid', 'vi', 'ps', 'su']) {
      expect(await output('debian', `command -v ${word}`), word).to.match(/^\//);
    }
    expect(await output('debian', 'id -u www-data')).to.equal('33');
    expect(await output('debian', 'cat /proc/1/comm')).to.equal('reaper');
  });

  it('systemd: has booted, and manages services', async () => {
    expect(await output('systemd', 'systemctl is-system-running')).to.match(/^(running|degraded)$/);
    expect(await output('systemd', 'systemctl is-active dbus')).to.equal('active');
    expect(await output('systemd', 'systemd-run --wait --pipe --quiet echo from-a-unit')).to.equal('from-a-unit');
  });

  it('all but systemd: an init as small as can be, so that snapshots of processes stay true', async () => {
    for (const kind of ['busybox', 'alpine-like', 'debian', 'noshell'] as const) {
      expect(await (started.get(kind) as Container).pids(), kind).to.have.length(1);
    }
  });

  it('shut down when LXC asks them to', async () => {
    const stops = [...started].map(async ([kind, container]) => {
      const stopped = await run(['lxc-stop', '-n', container.name, '--nokill', '-t', '20']);
      expect(stopped.exitCode, `${kind}: ${stopped.stderr}`).to.equal(0);
      expect(await container.state(), kind).to.equal('STOPPED');
    });
    await Promise.all(stops);
  });
});
