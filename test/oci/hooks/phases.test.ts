import { expect } from 'chai';

import { OCI_STATUSES, PHASES, phasesOf } from '../../../src/oci/hooks/phases.ts';

describe('the phases of hooks', () => {
  it('are those of Proxmox and of the OCI specification, in the order of a life', () => {
    expect(phasesOf('proxmox').map(({ name }) => name)).to.deep.equal([
      'pre-start',
      'post-start',
      'pre-stop',
      'post-stop',
    ]);
    expect(phasesOf('oci').map(({ name }) => name)).to.deep.equal([
      'prestart',
      'createRuntime',
      'createContainer',
      'startContainer',
      'poststart',
      'poststop',
    ]);
    expect(phasesOf('proxmox').length + phasesOf('oci').length).to.equal(PHASES.length);
  });

  it('say when the container itself runs', () => {
    expect(PHASES.filter(({ runs }) => runs).map(({ name }) => name)).to.deep.equal([
      'post-start',
      'pre-stop',
      'poststart',
    ]);
  });

  it('say what a failure does: of Proxmox only pre-start aborts', () => {
    const aborting = phasesOf('proxmox').filter(({ afterFailure }) => /abort/.test(afterFailure));
    expect(aborting.map(({ name }) => name)).to.deep.equal(['pre-start']);
    for (const { name, afterFailure } of PHASES) expect(afterFailure, name).not.to.equal('');
  });

  it('cover every status of a state, and no phase of Proxmox has one', () => {
    const covered = new Set(phasesOf('oci').flatMap(({ statuses }) => [...statuses]));
    expect([...covered]).to.have.members([...OCI_STATUSES]);
    for (const { name, statuses } of phasesOf('oci')) expect(statuses, name).not.to.deep.equal([]);
    for (const { name, statuses } of phasesOf('proxmox')) expect(statuses, name).to.deep.equal([]);
  });
});
