import { expect } from 'chai';

import { afterFailure, describeEvent, ociEvent } from '../../../src/oci/hooks/event.ts';
import type { HookEvent } from '../../../src/oci/hooks/event.ts';
import { phasesOf } from '../../../src/oci/hooks/phases.ts';
import type { OciStatus } from '../../../src/oci/hooks/phases.ts';

function ofProxmox(phase: string): HookEvent {
  const phases = phasesOf('proxmox').filter(({ name }) => name === phase);
  return { platform: 'proxmox', subject: '101', phases, moment: phase };
}

function ofOci(status: OciStatus, ...wanted: string[]): HookEvent {
  const all = phasesOf('oci');
  return ociEvent('web', status, wanted.length === 0 ? all : all.filter(({ name }) => wanted.includes(name)));
}

describe('the event of a hook', () => {
  it('is told by its phase, where that is known', () => {
    expect(describeEvent(ofProxmox('post-start'))).to.equal('hook post-start of 101');
    expect(describeEvent(ofProxmox('pre-clone'))).to.equal('hook pre-clone of 101');
    expect(describeEvent(ofOci('running'))).to.equal('hook poststart of web');
    expect(describeEvent(ofOci('stopped'))).to.equal('hook poststop of web');
    expect(describeEvent(ofOci('creating', 'createRuntime', 'poststop'))).to.equal('hook createRuntime of web');
    expect(describeEvent(ofOci('created'))).to.equal('hook of web (created)');
  });

  it('is short, however long the id is', () => {
    expect(describeEvent({ ...ofProxmox('post-start'), subject: 'x'.repeat(100_000) }).length).to.be.below(120);
  });

  it('of an OCI runtime is in every phase that has this status', () => {
    const names = (event: HookEvent): string[] => event.phases.map(({ name }) => name);
    expect(names(ofOci('creating'))).to.deep.equal(['prestart', 'createRuntime', 'createContainer', 'startContainer']);
    expect(names(ofOci('created'))).to.include.members(['createRuntime', 'poststart']);
    expect(names(ofOci('running'))).to.deep.equal(['poststart']);
    expect(names(ofOci('stopped'))).to.deep.equal(['poststop']);
    expect(names(ofOci('stopped', 'createRuntime', 'poststart'))).to.deep.equal([]);
  });

  it('says what a failure does, in every phase that it can be', () => {
    expect(afterFailure(ofProxmox('pre-start'))).to.equal("this aborts the guest's start");
    expect(afterFailure(ofProxmox('post-start'))).to.equal('the guest keeps running');
    expect(afterFailure(ofProxmox('pre-clone'))).to.equal('');
    expect(afterFailure(ofOci('creating'))).to.equal('the runtime gives the container up because of this');
    expect(afterFailure(ofOci('created', 'createRuntime', 'poststart'))).to.match(
      /gives the container up.*, or runc ends/,
    );
  });
});
