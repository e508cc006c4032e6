import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { parseFilters } from '../../src/oci/filter.ts';
import { summary } from './summaries.ts';

const WEB = summary({ id: '101', name: 'web', status: 'running', platform: 'proxmox', node: 'pve1' });
const DB = summary({ id: '102', name: 'db-web', status: 'stopped', platform: 'proxmox', node: 'pve1', lock: 'backup' });
const PLAIN = summary({ id: 'plain', status: 'frozen' });

function chosen(...texts: string[]): string[] {
  return [WEB, DB, PLAIN].filter(parseFilters(texts)).map(({ id }) => id);
}

describe('filters of containers', () => {
  it('are none: all fit', () => {
    expect(chosen()).to.deep.equal(['101', '102', 'plain']);
  });

  it('have a pattern for the name, and whole values for the rest', () => {
    expect(chosen('name=web')).to.deep.equal(['101', '102']);
    expect(chosen('name=^web$')).to.deep.equal(['101']);
    expect(chosen('id=10')).to.deep.equal([]);
    expect(chosen('id=101')).to.deep.equal(['101']);
    expect(chosen('lock=backup')).to.deep.equal(['102']);
    expect(chosen('node=pve1')).to.deep.equal(['101', '102']);
    expect(chosen('platform=lxc')).to.deep.equal(['plain']);
  });

  it('are alternatives for one key, and conditions for different ones', () => {
    expect(chosen('id=101', 'id=plain')).to.deep.equal(['101', 'plain']);
    expect(chosen('name=web', 'status=stopped')).to.deep.equal(['102']);
    expect(chosen('name=web', 'status=frozen')).to.deep.equal([]);
  });

  it("know Docker's words for a status", () => {
    expect(chosen('status=exited')).to.deep.equal(['102']);
    expect(chosen('status=Paused')).to.deep.equal(['plain']);
  });

  it('may have an "=" in the value', () => {
    expect(chosen('name==')).to.deep.equal([]);
  });

  it('are refused where they say nothing that containers have', () => {
    for (const text of ['', 'web', '=web', 'label=web', 'status=', 'status=nope', 'name=[', 'ID=101']) {
      expect(() => parseFilters([text]), text)
        .to.throw(LxcriError)
        .with.property('code', 'UsageError');
    }
  });
});
