/** What docs/verbs.md and docs/ps.md tell people to type, typed. */
import { dirname } from 'node:path';

import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import { createContainer, run, startContainer } from '../support/lxc.ts';
import type { Container, RunResult } from '../support/lxc.ts';
import { Recipes, adapted, recipes as commandsIn } from '../support/recipes.ts';
import { documentOf } from './verb-call.ts';

describe('docs/verbs.md', () => {
  const recipes = new Recipes('docs/verbs.md');
  let container: Container;

  before(async () => {
    container = await createContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  async function typed(heading: string, words: Record<string, string> = { web: container.name }): Promise<RunResult> {
    return typeIn(adapted(recipes.take(heading, 'sh'), words));
  }

  const sample = (heading: string): string => adapted(recipes.take(heading, 'json'), { web: container.name });

  it('start', async () => {
    expect((await typed('start')).stdout).to.equal(`${container.name} started\n`);
    expect((await typed('start')).stdout).to.equal(`${container.name} already runs\n${container.name}\n`);
    const bytes = Buffer.from(sample('start'));
    expect(documentOf('start', { stdout: bytes, stderr: Buffer.alloc(0) })).to.include({ changed: true });
  });

  it('stop', async () => {
    expect((await typed('stop')).stdout).to.equal(`${container.name} stopped\n`);
    await container.start();
    await typed('stop');
    expect(await container.state()).to.equal('STOPPED');
  });

  it('kill', async () => {
    const { stdout } = await typed('kill');
    expect(stdout).to.equal(['started', 'got SIGHUP', 'killed'].map((what) => `${container.name} ${what}\n`).join(''));
  });

  it('state', async () => {
    const { stdout } = await typed('state');
    expect(JSON.parse(stdout)).to.deep.equal(JSON.parse(sample('state')));
  });

  it('enter, which needs a terminal, is tested in enter.test.ts', () => {
    expect(recipes.take('enter', 'console')).to.match(/^# proxmox-lxcri enter /);
  });

  it('has nothing else', () => {
    expect(recipes.left()).to.deep.equal([]);
  });
});

describe('docs/ps.md', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('lists containers, and runs something in those that fit', async () => {
    const [list = '', loop = '', ...further] = commandsIn('ps.md', 'sh');
    expect(further).to.deep.equal([]);
    expect((await typeIn(list)).stdout).to.include(container.name);
    expect((await typeIn(adapted(loop, { web: container.name }))).stdout).to.match(/load average/);
  });
});

async function typeIn(script: string): Promise<RunResult> {
  const env = { PATH: `${dirname(CLI)}:${process.env['PATH']}` };
  const done = await run(['sh', '-e', '-c', script], { cwd: '/', env });
  expect([done.exitCode, done.stderr], script).to.deep.equal([0, '']);
  return done;
}
