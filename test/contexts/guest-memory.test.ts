import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { guestMemory } from '../../src/contexts/guest-memory.ts';
import type { Guest } from '../../src/proxmox/api/guests.ts';
import { scratchDirectory } from '../support/scratch.ts';

const WEB: Guest = {
  vmid: '101',
  type: 'lxc',
  node: 'pve1',
  name: 'web',
  status: 'running',
  template: false,
  lock: 'backup',
  tags: ['prod'],
  pool: 'p',
  uptime: 7,
};

describe('the memory of guests', () => {
  const place = (): string => join(scratchDirectory(), 'guests/home.json');

  it('gives back what does not change often, to its own servers only', () => {
    const file = place();
    guestMemory(file, 'a').keep([WEB, { ...WEB, vmid: '102', name: undefined }]);
    const known = guestMemory(file, 'a').known();
    expect(known?.guests).to.deep.equal([
      { ...WEB, lock: undefined, tags: [], pool: undefined, uptime: undefined },
      { ...WEB, vmid: '102', name: undefined, lock: undefined, tags: [], pool: undefined, uptime: undefined },
    ]);
    expect(known?.ageMs).to.be.within(0, 60_000);
    expect([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777]).to.deep.equal([0o600, 0o700]);
    expect(guestMemory(file, 'b').known()).to.equal(undefined);
  });

  it('holds more than a cluster has', () => {
    const memory = guestMemory(place(), 'a');
    memory.keep(Array.from({ length: 20_000 }, (_, index) => ({ ...WEB, vmid: String(index + 100) })));
    expect(memory.known()?.guests.length).to.equal(20_000);
  });

  it('is not written again at once, but when it is older, or the clock was set back', () => {
    const file = place();
    const memory = guestMemory(file, 'a');
    const began = Date.now();
    memory.keep([WEB]);
    memory.keep([]);
    // A machine that was held up between the two tells nothing.
    if (Date.now() - began < 1000) expect(memory.known()?.guests.length).to.equal(1);
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { guests: unknown[] };
    kept.guests.push(kept.guests[0]);
    for (const age of [10_000, -10_000]) {
      writeFileSync(file, JSON.stringify({ ...kept, askedAt: Date.now() - age }));
      memory.keep([]);
      expect(memory.known()?.guests).to.deep.equal([]);
    }
  });

  it('is nothing where the file is not ours, or not understood', () => {
    const file = place();
    const memory = guestMemory(file, 'a');
    memory.keep([WEB]);
    const text = readFileSync(file, 'utf8');
    chmodSync(file, 0o644);
    expect(memory.known()).to.equal(undefined);
    chmodSync(file, 0o600);
    for (const wrong of [
      '',
      '{',
      'null',
      '[]',
      '{"format":1,"server":"a"}',
      text.replace('"format":1', '"format":2'),
    ]) {
      writeFileSync(file, wrong);
      expect(memory.known(), wrong).to.equal(undefined);
    }
    const link = place();
    guestMemory(link, 'a').keep([]);
    symlinkSync(file, `${link}.link`);
    expect(guestMemory(`${link}.link`, 'a').known()).to.equal(undefined);
  });
});
