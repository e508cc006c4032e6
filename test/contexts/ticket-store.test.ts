import { chmodSync, lstatSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { expect } from 'chai';

import { FileTicketStore } from '../../src/contexts/ticket-store.ts';
import { configErrorOf } from '../config/error.ts';
import { scratchDirectory } from '../support/scratch.ts';

const TICKET = { user: 'root@pam', ticket: 'PVE:root@pam:0::x', csrfToken: '0:y', issuedAt: 1_700_000_000_000 };

describe('FileTicketStore', () => {
  let path: string;
  let store: FileTicketStore;

  beforeEach(() => {
    path = `${scratchDirectory()}/state/tickets/home.json`;
    store = new FileTicketStore(path, 'pve1:8006 ca');
  });

  it('keeps a ticket where only we can read it', () => {
    expect(store.load('root@pam')).to.equal(undefined);
    store.save(TICKET);
    expect(store.load('root@pam')).to.deep.equal(TICKET);
    expect(lstatSync(path).mode & 0o777).to.equal(0o600);
    expect(lstatSync(dirname(path)).mode & 0o777).to.equal(0o700);
    expect(readdirSync(dirname(path))).to.deep.equal(['home.json']);
  });

  it('gives it to nobody else, and to no other server', () => {
    store.save(TICKET);
    expect(store.load('ops@pve')).to.equal(undefined);
    expect(new FileTicketStore(path, 'evil:8006 ca').load('root@pam')).to.equal(undefined);
  });

  it('takes nothing that is not understood, or that others could have put there', () => {
    store.save(TICKET);
    const text = readFileSync(path, 'utf8');
    for (const wrong of [
      '',
      '{',
      'null',
      '[]',
      text.replace('"format":1', '"format":2'),
      text.replace('PVE:root@pam:0::x', ''),
      text.replace('PVE:root@pam:0::x', 'PVE:root@pam:0::x\\r\\nx-evil: 1'),
      text.replace('PVE:root@pam:0::x', 'PVE:!tfa!%7B%7D:0::x'),
      text.replace('0:y', '0:y\\nx-evil: 1'),
      text.replace('"0:y"', '7'),
    ]) {
      writeFileSync(path, wrong);
      expect(store.load('root@pam'), wrong).to.equal(undefined);
    }
    writeFileSync(path, text);
    expect(store.load('root@pam')).to.deep.equal(TICKET);
    chmodSync(path, 0o644);
    expect(store.load('root@pam')).to.equal(undefined);
  });

  it('writes through no symlink', () => {
    store.save(TICKET);
    const target = `${scratchDirectory()}/target`;
    writeFileSync(target, 'mine');
    store.remove();
    symlinkSync(target, path);
    store.save(TICKET);
    expect(readFileSync(target, 'utf8')).to.equal('mine');
    expect(lstatSync(path).isSymbolicLink()).to.equal(false);
  });

  it('says when it cannot be kept', async () => {
    const other = new FileTicketStore('/proc/nosuch/tickets/home.json', 'x');
    await configErrorOf(() => other.save(TICKET));
  });

  it('forgets it, and says whether there was one', () => {
    store.save(TICKET);
    expect(store.remove()).to.equal(true);
    expect(store.remove()).to.equal(false);
    expect(store.load('root@pam')).to.equal(undefined);
  });
});
