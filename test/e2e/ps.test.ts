/** The list of containers: what is chosen of it, in which order, and how it is printed. */
import { expect } from 'chai';

import { createContainer, run, scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { CLI } from '../methods/contract/cli.ts';
import { callJson, callText, expectFailure } from './verb-call.ts';

describe('ps', () => {
  const lxcpath = scratchDirectory();
  const env = { PROXMOX_LXCRI_LXCPATH: lxcpath };
  const containers: Container[] = [];
  /** Others may have containers on this host: the list is of one directory. */
  const own = ['-f', 'name=^ct-'];

  before(async () => {
    for (const name of ['ct-10', 'ct-9', 'ct-a-long-name-of-a-container'])
      containers.push(await createContainer({ kind: 'busybox', name, lxcpath }));
    containers.push(await startContainer({ kind: 'busybox', name: 'ct-run', lxcpath }));
  });

  after(async () => {
    for (const container of containers) await container.destroy();
  });

  async function ids(...words: string[]): Promise<string[]> {
    const { stdout, exitCode } = await callText(['ps', '-q', ...own, ...words], { env });
    expect(exitCode).to.equal(0);
    return stdout.split('\n').slice(0, -1);
  }

  const ALL = ['ct-9', 'ct-10', 'ct-a-long-name-of-a-container', 'ct-run'];

  it('is in the order of ids, with numbers by their value, and in any other that is asked for', async () => {
    expect(await ids()).to.deep.equal(ALL);
    expect(await ids('--sort', '-id')).to.deep.equal(ALL.toReversed());
    expect((await ids('--sort', 'pid'))[0]).to.equal('ct-run');
    expect(await ids('--sort', '-pid,-name')).to.deep.equal(['ct-run', ...ALL.slice(0, 3).toReversed()]);
    expect(await ids('-a', '--sort', 'status,id')).to.deep.equal(['ct-run', ...ALL.slice(0, 3)]);
  });

  it('is of those that fit: one key is any of its values, different keys are all', async () => {
    expect(await ids('-f', 'status=running')).to.deep.equal(['ct-run']);
    expect(await ids('-f', 'status=exited')).to.deep.equal(ALL.slice(0, 3));
    expect(await ids('-f', 'id=ct-9', '-f', 'id=ct-10')).to.deep.equal(['ct-9', 'ct-10']);
    expect(await ids('-f', 'id=ct-9', '-f', 'status=running')).to.deep.equal([]);
    expect(await ids('--filter=platform=lxc', '--filter', 'id=ct-run')).to.deep.equal(['ct-run']);
  });

  it('refuses what it does not know, before it looks for anything', async () => {
    const wrong: [string[], RegExp][] = [
      [['-f', 'colour=red'], /"colour=red" is not KEY=VALUE .*; keys are: id, name, status/],
      [['-f', 'status'], /is not KEY=VALUE/],
      [['-f', 'status=sleeping'], /no status "sleeping"; statuses are: running, frozen.*; for several repeat the flag/],
      [['-f', 'name=('], /"\(" is not a regular expression; write a part of the name/],
      [['--sort', 'size'], /no key "size"; keys are: id, name, /],
      [['--sort', 'id,'], /no key ""/],
    ];
    for (const [words, says] of wrong)
      await expectFailure('json', ['ps', ...words], { code: 'UsageError', says }, { env });
  });

  it('is an empty table, or an empty list, where nothing fits', async () => {
    expect(await callText(['ps', '-f', 'id=none'], { env })).to.include({
      stdout: 'ID   PLATFORM   STATUS   PID   UPTIME\n',
      exitCode: 0,
    });
    expect((await callJson(['ps', '-f', 'id=none'], { env })).document['containers']).to.deep.equal([]);
    expect(await ids('-f', 'id=none')).to.deep.equal([]);
  });

  it('has colours at a terminal, and nowhere else', async () => {
    const words = ['ps', ...own];
    expect((await callText(words, { env })).stdout).to.match(/^ct-run +lxc +running +\d+ +\S+$/m);
    const forced = await callText(words, { env: { ...env, FORCE_COLOR: '1', NO_COLOR: '1' } });
    expect(forced.stdout).to.include('\u001b[32mrunning');
    expect(forced.stderr, 'nothing of Node').to.equal('');
    const atTerminal = async (more: NodeJS.ProcessEnv): Promise<string> => {
      const line = [CLI, ...words].join(' ');
      const { stdout } = await run(['script', '-qec', line, '/dev/null'], {
        env: { PATH: process.env['PATH'], TERM: 'xterm', ...env, ...more },
      });
      return stdout;
    };
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(await atTerminal({})).to.match(/ct-run.*\u001b\[32mrunning\u001b\[39m/);
    // oxlint-disable-next-line no-control-regex
    expect(await atTerminal({ NO_COLOR: '1' })).not.to.match(/\u001b/);
  });
});
