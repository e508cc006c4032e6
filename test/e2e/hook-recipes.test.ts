/** The recipes of docs/hooks.md, as they stand there. */
import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import { run, startContainer } from '../support/lxc.ts';
import type { Container, Kind } from '../support/lxc.ts';
import { createHookscript } from '../support/pve/hookscript.ts';
import type { Hookscript } from '../support/pve/hookscript.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { recipes } from '../support/recipes.ts';
import { createBundle, skipWithoutRunc } from '../support/runc.ts';
import type { RuncHook } from '../support/runc.ts';

const BASE = 700_000_000 + (process.pid % 1_000_000) * 100 + 60;
const MACHINE = BASE + 9;

/** A program for the containers that writes down its words. */
function program(name: string): Record<string, { content: string; mode: number }> {
  return { [`/usr/local/bin/${name}`]: { content: `#!/bin/sh\necho ${name} "$@" >>/root/called\n`, mode: 0o755 } };
}

describe('the recipes for Proxmox hookscripts', () => {
  const scripts = recipes('hooks.md', 'sh');
  const containers: Container[] = [];
  let vmid = BASE;

  async function guest(kind: Kind): Promise<Container> {
    vmid += 1;
    const files = { ...program('setup'), ...program('register') };
    const made = await startContainer({ kind, name: String(vmid), files });
    containers.push(made);
    return made;
  }

  function script(text: string | undefined, container?: Container): Hookscript {
    const tree = createPveTree({
      node: 'pve1',
      containers: container === undefined ? [] : [{ vmid: Number(container.name) }],
      qemu: [{ vmid: MACHINE }],
    });
    return createHookscript({ text: (text ?? '').replaceAll('/etc/pve', tree.dir), cli: CLI, pveDir: tree.dir });
  }

  /** All four phases, as in a life from start to stop, except that the container runs all the time. */
  async function live(hook: Hookscript, container: Container): Promise<string> {
    for (const phase of ['pre-start', 'post-start', 'pre-stop', 'post-stop'])
      expect(await hook.call(container.name, phase), phase).to.deep.include({ exitCode: 0, stdout: '', stderr: '' });
    return (await container.attach(['cat', '/root/called'])).stdout;
  }

  afterEach(async () => {
    for (const container of containers.splice(0)) await container.destroy();
  });

  it('are all run here', () => {
    expect(scripts).to.have.length(4);
    for (const text of scripts) expect(text).to.match(/^#!\/bin\/sh\n/);
  });

  it('a program after each start', async () => {
    const container = await guest('busybox');
    expect(await live(script(scripts[0], container), container)).to.equal('setup\n');
  });

  it('one for two phases, which is told the phase', async () => {
    const container = await guest('busybox');
    expect(await live(script(scripts[1], container), container)).to.equal('register post-start\nregister pre-stop\n');
  });

  it('after systemd has started everything, also when called while it still does', async () => {
    const container = await guest('systemd');
    await container.stop();
    // Not `start()`, which returns only when the boot has ended; Proxmox calls as soon as init runs.
    expect((await run(['lxc-start', '-n', container.name])).exitCode).to.equal(0);
    expect(await script(scripts[2], container).call(container.name, 'post-start')).to.deep.include({
      exitCode: 0,
      stdout: '',
    });
    const booted = await container.attach(['sh', '-c', 'cat /root/called; systemctl is-system-running']);
    expect(booted.stdout).to.match(/^setup\n(running|degraded)\n$/);
  });

  it('one script for containers and virtual machines', async () => {
    const container = await guest('busybox');
    const hook = script(scripts[3], container);
    expect(await live(hook, container)).to.equal('setup\n');
    expect(await hook.call(MACHINE, 'post-start')).to.deep.include({ exitCode: 0, stderr: '' });
  });
});

describe('the recipe for OCI hooks', () => {
  let proxy: Container;

  before(async function () {
    skipWithoutRunc(this);
    proxy = await startContainer({ kind: 'busybox', files: program('backend') });
  });

  after(() => proxy?.destroy());

  it('tells a proxy in an LXC container of a container of runc', async () => {
    const [fragment = '', ...others] = recipes('hooks.md', 'json');
    expect(others).to.deep.equal([]);
    // Only the names of this host's files and containers are others.
    const here = fragment.replaceAll('/usr/bin/proxmox-lxcri', CLI).replaceAll('lxc:proxy', `lxc:${proxy.name}`);
    const { annotations, hooks } = JSON.parse(here) as {
      annotations: Record<string, string>;
      hooks: Record<string, RuncHook[]>;
    };
    const bundle = createBundle({ id: `plx-${process.pid}-recipe`, command: ['echo', 'ran'], annotations, hooks });
    try {
      expect(await bundle.run()).to.deep.include({ exitCode: 0, stdout: 'ran\n', stderr: '' });
    } finally {
      bundle.remove();
    }
    expect((await proxy.attach(['cat', '/root/called'])).stdout).to.equal('backend add\nbackend remove\n');
  });
});
