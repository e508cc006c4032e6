import { expect } from 'chai';

import { LxcriError } from '../../../src/model/errors.ts';
import type { ErrorCode } from '../../../src/model/errors.ts';
import { ociEvent } from '../../../src/oci/hooks/event.ts';
import type { HookEvent } from '../../../src/oci/hooks/event.ts';
import { phasesOf } from '../../../src/oci/hooks/phases.ts';
import type { OciState } from '../../../src/oci/hooks/state.ts';
import { ociTarget, proxmoxTarget } from '../../../src/oci/hooks/target.ts';
import type { HostInventory } from '../../../src/oci/locate.ts';
import { NodeConfig } from '../../../src/proxmox/node/config.ts';
import { createContainer, DEFAULT_LXCPATH, startContainer } from '../../support/lxc.ts';
import type { Container } from '../../support/lxc.ts';
import { createPveTree } from '../../support/pve/tree.ts';
import { stateOf } from './states.ts';

async function refusalOf(call: () => unknown, code: ErrorCode): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof LxcriError)) throw error;
    expect(error.code, error.message).to.equal(code);
    return `${error.message}; ${error.hint}`;
  }
  throw new Error('accepted');
}

describe('the container of a Proxmox hookscript', () => {
  const tree = createPveTree({ node: 'pve1', containers: [{ vmid: 101 }], qemu: [{ vmid: 300 }] });
  const inventory: HostInventory = { lxcpaths: [], pve: new NodeConfig(tree.dir) };

  function event(subject: string, phase: string): HookEvent {
    return {
      platform: 'proxmox',
      subject,
      moment: phase,
      phases: phasesOf('proxmox').filter(({ name }) => name === phase),
    };
  }

  it('is that of the VMID, on Proxmox and nowhere else, where it runs', () => {
    for (const phase of ['post-start', 'pre-stop'])
      expect(proxmoxTarget(event('101', phase), inventory)).to.equal('pve:101');
  });

  it('is refused where it does not run, with the phases in which it does', async () => {
    for (const phase of ['pre-start', 'post-stop']) {
      const refusal = await refusalOf(() => proxmoxTarget(event('101', phase), inventory), 'ContainerNotRunning');
      expect(refusal).to.match(/; phases in which it does: post-start, pre-stop$/);
    }
  });

  it('is refused where it is a virtual machine, in every phase', async () => {
    for (const { name } of phasesOf('proxmox')) {
      const refusal = await refusalOf(() => proxmoxTarget(event('300', name), inventory), 'NoMethodAvailable');
      expect(refusal).to.match(/virtual machine.*qm set 300 --delete hookscript/);
    }
  });

  it('is refused on a host that is no node', async () => {
    const elsewhere = { lxcpaths: [], pve: new NodeConfig('/nonexistent') };
    await refusalOf(() => proxmoxTarget(event('101', 'post-start'), elsewhere), 'PlatformUnreachable');
  });
});

describe('the container of an OCI hook', () => {
  let running: Container;
  let stopped: Container;
  let initPid: number;
  const inventory: HostInventory = { lxcpaths: [DEFAULT_LXCPATH], pve: new NodeConfig('/nonexistent') };

  before(async () => {
    running = await startContainer({ kind: 'busybox' });
    stopped = await createContainer({ kind: 'busybox' });
    initPid = await running.initPid();
  });

  after(async () => {
    await running.destroy();
    await stopped.destroy();
  });

  function target(changes: Partial<OciState>, annotation?: string): Promise<string> {
    const state = stateOf(changes);
    return ociTarget(ociEvent(state.id, state.status, phasesOf('oci')), state, annotation, inventory);
  }

  it('is the one of the id, while it runs and has the pid of the state', async () => {
    expect(await target({ id: running.name, pid: initPid })).to.equal(running.name);
    expect(await target({ id: running.name, pid: initPid, status: 'created' })).to.equal(running.name);
  });

  it('is not another one that only has the same name', async () => {
    const refusal = await refusalOf(() => target({ id: running.name, pid: process.pid }), 'ContainerNotFound');
    expect(refusal).to.include(`${initPid}`).and.to.include(`${process.pid}`).and.to.include('--container-annotation');
  });

  it('is refused in the phases in which it does not run itself', async () => {
    for (const status of ['creating', 'stopped'] as const) {
      const refusal = await refusalOf(() => target({ id: running.name, pid: initPid, status }), 'ContainerNotRunning');
      expect(refusal).to.match(/; phases in which it does: poststart$/);
    }
  });

  it('is refused where it should run, and does not', async () => {
    expect(await refusalOf(() => target({ id: stopped.name, pid: 1 }), 'ContainerNotRunning')).to.include(
      'start it with',
    );
  });

  it('is refused, with the way out, where the id is none of ours, whatever it looks like', async () => {
    for (const id of [
      'no-such',
      'a+b',
      '../etc',
      '-x',
      `lxc:${running.name}`,
      'pve:101',
      'docker:web',
      '\u001b',
      'x'.repeat(9999),
    ]) {
      const refusal = await refusalOf(() => target({ id, pid: initPid }), 'ContainerNotFound');
      expect(refusal).to.include('--container-annotation KEY');
      expect(refusal.length).to.be.below(250);
    }
  });

  it('is the one of the annotation, in any phase, as it stands there', async () => {
    for (const status of ['creating', 'created', 'running', 'stopped'] as const) {
      const annotations = new Map([['org.example', 'lxc:proxy']]);
      expect(await target({ id: 'no-such', status, annotations }, 'org.example')).to.equal('lxc:proxy');
    }
  });

  it('is missing where the annotation is empty, and that is said of the annotation', async () => {
    const annotations = new Map([['org.example', '']]);
    const refusal = await refusalOf(() => target({ annotations }, 'org.example'), 'MissingContainerId');
    expect(refusal).to.include('annotation "org.example" of the state is empty').and.to.include('config.json');
  });

  it('is missing where the annotation is', async () => {
    const refusal = await refusalOf(
      () => target({ id: running.name, pid: initPid }, 'org.\u001b'),
      'MissingContainerId',
    );
    expect(refusal).to.include('"org.\\u001b"').and.to.include('config.json');
  });
});
