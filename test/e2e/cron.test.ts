/** docs/cron.md, block by block: its crontab lines by Debian's own cron, its scripts by sh. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { LOCK_DIRECTORY } from '../../src/cli/exec-lock.ts';
import { CLI } from '../methods/contract/cli.ts';
import { needs } from '../support/component.ts';
import { CRON, startCron } from '../support/cron.ts';
import type { Cron, Mail } from '../support/cron.ts';
import type { Container } from '../support/lxc.ts';
import { run, scratchDirectory, startContainer, waitFor } from '../support/lxc.ts';
import { Recipes, adapted, samplePattern } from '../support/recipes.ts';

const RECIPES = new Recipes('docs/cron.md');
const NIGHTLY = RECIPES.take('One container, every night', 'crontab');
const NIGHTLY_MAIL = RECIPES.take('One container, every night', 'text');
const LOOP = RECIPES.take('Several containers, one after the other', 'sh');
const LOOP_JOB = RECIPES.take('Several containers, one after the other', 'crontab');
const OVERLAP = RECIPES.take('Runs that must not overlap', 'crontab');
const OVERLAP_MAIL = RECIPES.take('Runs that must not overlap', 'text');
const TIMEOUT = RECIPES.take('A job that may not take too long', 'crontab');
const TIMEOUT_MAIL = RECIPES.take('A job that may not take too long', 'text');
const SCRIPT = RECIPES.take('In a script of your own', 'sh');

/** cron fires at full minutes only. */
const FIRING_MS = 75_000;

/** Notes each call; where there is a file /broken, it fails like an update that cannot reach its mirror. */
const APT_GET = `#!/bin/sh
echo "apt-get $*" >>/calls
echo 'Reading package lists...'
[ ! -e /broken ] && exit 0
echo 'E: Unable to fetch some archives' >&2
exit 100
`;

/** Notes each call. The one that was asked to hold the lock ends when the test says so. */
const SYNC_FILES = `#!/bin/sh
echo "sync-files $*" >>/calls
echo "syncing $*"
[ "$1" != --hold ] || until [ -e /go-on ]; do usleep 20000; done
`;

const FILES = {
  '/usr/local/bin/apt-get': { content: APT_GET, mode: 0o755 },
  '/usr/local/bin/sync-files': { content: SYNC_FILES, mode: 0o755 },
  '/usr/local/bin/make-report': { content: '#!/bin/sh\necho begun\nexec sleep 1068\n', mode: 0o755 },
};

describe('docs/cron.md', () => {
  let web: Container;
  let broken: Container;
  let bin: string;

  before(async () => {
    web = await startContainer({ kind: 'busybox', files: FILES });
    broken = await startContainer({ kind: 'busybox', files: { ...FILES, '/broken': '' } });
    // Where people have it on their PATH.
    bin = join(scratchDirectory(), 'bin');
    mkdirSync(bin);
    symlinkSync(CLI, join(bin, 'proxmox-lxcri'));
  });

  after(async () => {
    for (const name of [web.name, broken.name, 'no-such-container'])
      for (const job of ['update', 'sync']) rmSync(`${LOCK_DIRECTORY}/${job}-${name}.lock`, { force: true });
    await Promise.all([web.destroy(), broken.destroy()]);
  });

  async function callsIn(container: Container): Promise<string[]> {
    return (await container.attach(['cat', '/calls'])).stdout.split('\n').filter(Boolean);
  }

  it('has no block that no test takes', () => {
    expect(RECIPES.left()).to.deep.equal([]);
  });

  describe('by cron', () => {
    let cron: Cron;
    let marks: string;
    let mails: Mail[];

    /** How a job ended; empty while it has not. */
    function exitCodeOf(job: string): string {
      const file = join(marks, job);
      return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    }

    /**
     * A crontab of the document for the next full minute, for this container. Each of its jobs notes its exit code.
     *
     * @param after a shell command that each job first waits for.
     */
    function crontab(recipe: string, names: readonly string[], container: Container, waitsFor?: string): string {
      const jobs = [...names];
      const text = recipe.replaceAll(/^(?:\S+ +){5}root +(.*)$/gm, (_line, command: string) => {
        const first = waitsFor === undefined ? '' : `until ${waitsFor}; do sleep 0.1; done; `;
        const adaptedCommand = /\bweb\b/.test(command) ? adapted(command, { web: container.name }) : command;
        return `* * * * * root ${first}${adaptedCommand}; echo $? >${marks}/${jobs.shift()}`;
      });
      expect(jobs, 'jobs that are not in the recipe').to.deep.equal([]);
      return text.replace(/^PATH=/m, `PATH=${bin}:`);
    }

    /** The mails of the jobs that note their exit code under this name. */
    function mailsOf(job: string): Mail[] {
      return mails.filter(({ command }) => command.endsWith(`/${job}`));
    }

    // Once for all jobs, since a minute may pass until cron fires.
    before(async function () {
      this.timeout(FIRING_MS + 60_000);
      needs(this, 'cron', existsSync(CRON));
      marks = scratchDirectory();
      const list = join(marks, 'list');
      writeFileSync(list, `${web.name}\n${broken.name}\n${web.name}\n`);
      writeFileSync(join(bin, 'update-containers'), adapted(LOOP, { '/etc/update-containers': list }), { mode: 0o755 });
      const lock = `sync-${web.name}`;
      const held = `[ -s ${LOCK_DIRECTORY}/${lock}.lock ]`;
      const slow = adapted(TIMEOUT, { '10m': '2s', '30s': '1s' });
      cron = startCron({
        good: crontab(NIGHTLY, ['good'], web),
        bad: crontab(NIGHTLY, ['bad'], broken),
        loop: crontab(LOOP_JOB, ['loop'], web),
        overlap: crontab(OVERLAP, ['waits', 'skips', 'fails'], web, held),
        timeout: crontab(slow, ['slow'], web),
        // The run that the three of the document find on their way; and one that tells what cron gives a job.
        test: [
          `* * * * * root ${CLI} exec --lock ${lock} ${web.name} -- sync-files --hold; echo $? >${marks}/holder`,
          `* * * * * root env; tty; ${CLI} exec ${web.name} -- sh -c 'cat; echo over'; echo $? >${marks}/plain`,
          '',
        ].join('\n'),
      });
      const others = ['good', 'bad', 'loop', 'slow', 'skips', 'fails', 'plain'];
      await waitFor(() => others.every((job) => exitCodeOf(job) !== ''), {
        what: `cron to have run ${others.join(', ')}`,
        timeoutMs: FIRING_MS,
      });
      cron.retire();
      expect(exitCodeOf('waits'), 'the one that waits').to.equal('');
      await web.attach(['touch', '/go-on']);
      await cron.idle(20_000);
      mails = cron.mails();
    });

    after(() => cron?.stop());

    it('was in the environment that it describes', () => {
      const [mail] = mailsOf('plain');
      expect(mail?.body.split('\n')).to.include.members(['PATH=/usr/bin:/bin', 'SHELL=/bin/sh', 'not a tty', 'over']);
      expect(exitCodeOf('plain')).to.equal('0');
    });

    it('sends no mail of a success', async () => {
      expect(exitCodeOf('good')).to.equal('0');
      expect(await callsIn(web)).to.include.members(['apt-get update', 'apt-get -y upgrade']);
      expect(mailsOf('good')).to.deep.equal([]);
    });

    it('sends one mail of a failure: what failed, and the output', async () => {
      expect(exitCodeOf('bad')).to.equal('100');
      expect(await callsIn(broken))
        .to.include('apt-get update')
        .but.not.include('apt-get -y upgrade');
      const [mail, ...further] = mailsOf('bad');
      expect(mail?.body).to.match(samplePattern(adapted(NIGHTLY_MAIL, { web: broken.name })));
      expect(further).to.deep.equal([]);
    });

    it('goes through its whole list, and tells which container failed', async () => {
      expect(exitCodeOf('loop')).to.equal('1');
      // Twice from the list, once from the job for one container.
      expect((await callsIn(web)).filter((call) => call === 'apt-get -y upgrade')).to.have.length(3);
      const [mail, ...further] = mailsOf('loop');
      expect(mail?.body).to.match(samplePattern(adapted(NIGHTLY_MAIL, { web: broken.name })));
      expect(further).to.deep.equal([]);
    });

    it('makes one job wait, another pass, and a third fail, while the lock is held', async () => {
      expect(['holder', 'waits', 'skips', 'fails'].map(exitCodeOf)).to.deep.equal(['0', '0', '0', '125']);
      const calls = (await callsIn(web)).filter((call) => call.startsWith('sync-files'));
      expect(calls).to.deep.equal(['sync-files --hold', 'sync-files --full']);
      expect([...mailsOf('waits'), ...mailsOf('skips')]).to.deep.equal([]);
      const [mail, ...further] = mailsOf('fails');
      expect(mail?.body).to.match(samplePattern(adapted(OVERLAP_MAIL, { web: web.name })));
      expect(further).to.deep.equal([]);
    });

    it('ends a job that takes too long', () => {
      expect(exitCodeOf('slow')).to.equal('124');
      const [mail, ...further] = mailsOf('slow');
      const sample = adapted(TIMEOUT_MAIL, { web: web.name, '600000': '2000' });
      expect(mail?.body).to.match(samplePattern(`${sample}begun\n`));
      expect(further).to.deep.equal([]);
    });

    it('sends no other mails', () => {
      const expected = ['bad', 'fails', 'holder', 'loop', 'plain', 'slow'];
      expect(mails.map(({ command }) => command.split('/').at(-1))).to.have.members(expected);
    });
  });

  it('tells a script by the exit code what to do', async () => {
    const script = (container: string): string => adapted(SCRIPT, { web: container, '10m': '1s' });
    const env = { PATH: `${bin}:/usr/bin:/bin` };
    const saidOf = async (container: string): Promise<string> => {
      const { stdout } = await run(['/bin/sh', '-c', script(container)], { env });
      return stdout.split('\n').at(-2) ?? '';
    };
    expect(await saidOf(broken.name)).to.equal('done');
    expect(await saidOf('no-such-container')).to.equal('it was not started');
    const slow = adapted(script(broken.name), { 'sync-files': 'make-report' });
    const done = await run(['/bin/sh', '-c', slow], { env });
    expect(done.stdout).to.equal('begun\nit took too long\n');
    const failing = adapted(script(broken.name), { 'sync-files': 'false' });
    expect((await run(['/bin/sh', '-c', failing], { env })).stdout).to.equal('it failed\n');
  });
});
