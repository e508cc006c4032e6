import { mkdirSync, symlinkSync } from 'node:fs';

import { expect } from 'chai';

import {
  allProcesses,
  childrenOf,
  environmentValueOf,
  isContainerized,
  monitorPid,
  pidNamespaceOf,
  readProcess,
  sharesOurNetwork,
} from '../../src/process/proc.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { processInfo } from '../support/proc.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { newChildren } from './children.ts';

/** Above the kernel's highest pid. */
const NO_PID = 4_194_305;

describe('a process in /proc', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  it('is read with its parent, group, session and start', () => {
    const { pid } = children.start('sleep', ['1000']);
    const info = readProcess(pid);
    expect(info).to.deep.include({ pid, parent: process.pid, group: pid, session: pid, foregroundGroup: -1 });
    expect(String(info?.startTime)).to.equal(processInfo(pid)?.startTime);
    expect(readProcess(NO_PID)).to.equal(undefined);
  });

  it('is read right whatever its name is', async () => {
    const file = `${scratchDirectory()}/x) Z 1 (\n 2`;
    symlinkSync('/bin/sleep', file);
    const { pid } = children.start(file, ['1000']);
    await waitFor(() => processInfo(pid)?.args.endsWith('1000'), { what: 'the program' });
    expect(readProcess(pid)).to.deep.include({ parent: process.pid, group: pid, session: pid });
    expect(readProcess(pid)?.state).to.match(/^[SRD]$/);
  });

  it('is a zombie until its parent has waited for it', async () => {
    const { pid } = children.start('/bin/sh', ['-c', 'sleep 0.01 & exec sleep 1000']);
    const zombie = await waitFor(() => allProcesses().find((info) => info.parent === pid && info.state === 'Z'), {
      what: 'the zombie',
    });
    expect(readProcess(zombie.pid)?.state).to.equal('Z');
  });

  it('has its children, and none when it is gone', async () => {
    const { pid } = children.start('/bin/sh', ['-c', 'sleep 1000 & sleep 1000 & wait']);
    const found = await waitFor(() => childrenOf(pid).length === 2 && childrenOf(pid), { what: 'two children' });
    expect(found).to.have.members(
      allProcesses()
        .filter((info) => info.parent === pid)
        .map((info) => info.pid),
    );
    expect(childrenOf(NO_PID)).to.deep.equal([]);
  });

  it('has the environment that it was started with', async () => {
    const env = { FIRST: 'a=b', XKEY: 'wrong', KEY: 'right', EMPTY: '', LINES: 'a\nKEY=b', LAST: 'end' };
    const { pid } = children.start('/bin/sleep', ['1000'], { env });
    await waitFor(() => environmentValueOf(pid, 'LAST') !== undefined, { what: 'the program' });
    for (const [key, value] of Object.entries(env)) expect(environmentValueOf(pid, key), key).to.equal(value);
    for (const key of ['NOSUCH', 'KE', 'a', 'IRST']) expect(environmentValueOf(pid, key), key).to.equal(undefined);
    expect(environmentValueOf(NO_PID, 'KEY')).to.equal(undefined);
  });

  it('is no monitor because it calls itself one in a container', async () => {
    const impostor = (lxcpath: string): string[] => [
      'bash',
      '-c',
      `exec -a '[lxc monitor] ${lxcpath} no-such' sleep 1000`,
    ];
    const outside = children.start('bash', impostor('/outside').slice(1));
    const { pid } = children.start('unshare', ['--pid', '--fork', '--kill-child', ...impostor('/inside')]);
    const isNamed = (found: number | undefined): boolean =>
      found !== undefined && processInfo(found)?.args.startsWith('[lxc monitor]') === true;
    await waitFor(() => isNamed(outside.pid) && isNamed(childrenOf(pid)[0]), { what: 'both to have their names' });
    expect(monitorPid('/outside', 'no-such'), 'one of this host').to.equal(outside.pid);
    expect(monitorPid('/inside', 'no-such')).to.equal(undefined);
  });

  it('is of this host’s namespace, unless it is in a container', () => {
    expect(isContainerized(process.pid)).to.equal(false);
    expect(isContainerized(NO_PID)).to.equal(false);
    expect(pidNamespaceOf(process.pid)).to.match(/^pid:\[\d+\]$/);
    expect(pidNamespaceOf(NO_PID)).to.equal(undefined);
  });
});

describe('a container in /proc', () => {
  let container: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
  });

  after(() => container.destroy());

  it('is in a pid namespace of its own', async () => {
    const init = await container.initPid();
    expect(isContainerized(init)).to.equal(true);
    expect(pidNamespaceOf(init)).not.to.equal(pidNamespaceOf(process.pid));
  });

  it('has a monitor by its exact name and directory, while it runs', async () => {
    const { name, lxcpath } = container;
    const init = await container.initPid();
    expect(monitorPid(lxcpath, name)).to.equal(processInfo(init)?.parent);
    expect(monitorPid(lxcpath, name.slice(0, -1))).to.equal(undefined);
    expect(monitorPid(lxcpath, `${name} `)).to.equal(undefined);
    expect(monitorPid(lxcpath.slice(0, -1), name)).to.equal(undefined);
    await container.stop();
    expect(monitorPid(lxcpath, name)).to.equal(undefined);
    await container.start();
  });

  it('shares our network or not', async () => {
    expect(sharesOurNetwork(process.pid)).to.equal(true);
    expect(sharesOurNetwork(await container.initPid())).to.equal(false);
    expect(sharesOurNetwork(NO_PID)).to.equal(false);
    process.seteuid?.(65_534);
    try {
      expect(sharesOurNetwork(1)).to.equal(undefined);
    } finally {
      process.seteuid?.(0);
    }
  });

  it('has one also where its directory is not of ASCII', async () => {
    const lxcpath = `${scratchDirectory()}/é`;
    mkdirSync(lxcpath);
    const other = await startContainer({ kind: 'busybox', lxcpath });
    try {
      expect(monitorPid(lxcpath, other.name)).to.be.above(1);
    } finally {
      await other.destroy();
    }
  });
});
