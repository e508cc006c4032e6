import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { LxcriError } from '../../../src/model/errors.ts';
import { ExecutionStore } from '../../../src/oci/detached/store.ts';
import { ownMark } from '../../../src/oci/detached/supervisor-mark.ts';
import { newResult } from '../../../src/oci/new-result.ts';
import { scratchDirectory } from '../../support/lxc.ts';

const ONE = 'aaaa1111-0000-4000-8000-000000000001';
const TWO = 'aaaa2222-0000-4000-8000-000000000002';
const THREE = 'bbbb3333-0000-4000-8000-000000000003';
const DAY_MS = 86_400_000;

describe('the store of executions', () => {
  let store: ExecutionStore;

  beforeEach(() => {
    store = ExecutionStore.below(scratchDirectory());
    mkdirSync(store.directory);
  });

  interface Parts {
    readonly supervisor?: string;
    readonly result?: string;
    readonly request?: string;
    readonly startedAt?: string;
    readonly ageMs?: number;
    readonly folder?: string;
  }

  /** Puts an execution into the store, as a supervisor does. */
  function put(id: string, parts: Parts = {}): void {
    const { startedAt = '2026-01-01T00:00:00.000Z', folder = store.path(id) } = parts;
    mkdirSync(folder);
    const request = JSON.stringify({ container: 'web', command: ['true'], startedAt });
    writeFileSync(join(folder, 'request.json'), parts.request ?? request);
    if (parts.supervisor !== undefined) writeFileSync(join(folder, 'supervisor'), parts.supervisor);
    if (parts.result !== undefined) writeFileSync(join(folder, 'result.json'), parts.result);
    const time = new Date(Date.now() - (parts.ageMs ?? 0));
    for (const path of [...readdirSync(folder).map((name) => join(folder, name)), folder]) utimesSync(path, time, time);
  }

  const result = (id: string): string => JSON.stringify(newResult(id, ['true'], new Date(0)));

  it('tells running, ended and lost executions apart', () => {
    put(ONE, { supervisor: ownMark() });
    put(TWO, { supervisor: ownMark(), result: result(TWO) });
    put(THREE, { supervisor: '{"pid":1,"startTime":0,"boot":"before"}' });
    expect([ONE, TWO, THREE].map((id) => store.read(id)?.status)).to.deep.equal(['running', 'ended', 'lost']);
    expect(store.read(TWO)?.result?.exitCode).to.equal(0);
  });

  it('knows nothing of what is not there', () => {
    expect(store.read(ONE)).to.equal(undefined);
    expect(new ExecutionStore('/nowhere').all()).to.deep.equal([]);
  });

  it('lists the newest first, and no folder that is being made or removed', () => {
    put(ONE, { startedAt: '2026-01-01T00:00:00.000Z' });
    put(TWO, { startedAt: '2026-01-03T00:00:00.000Z' });
    put(THREE, { startedAt: '2026-01-02T00:00:00.000Z' });
    put(ONE, { folder: store.unfinishedPath(TWO) });
    expect(store.all().map(({ id }) => id)).to.deep.equal([TWO, THREE, ONE]);
  });

  it('finds an execution by the beginning of its id, if it is just one', () => {
    for (const id of [ONE, TWO, THREE]) put(id);
    expect([store.find('bbbb'), store.find('aaaa1'), store.find(TWO)]).to.deep.equal([THREE, ONE, TWO]);
    for (const word of ['bbb', 'cccc', 'BBBB', '../bbbb', `${ONE}0`, '', '.new', 'aaaa3'])
      expect(store.find(word), word).to.equal(undefined);
    expect(() => store.find('aaaa')).to.throw(LxcriError, /beginning of 2 .*aaaa1111.*aaaa2222/);
    expect(() => store.get('cccc'))
      .to.throw(LxcriError, /no detached execution "cccc"/)
      .with.property('code', 'InvalidExecutionId');
  });

  it('says that too little of an id was written', () => {
    const list = 'list them with: proxmox-lxcri result';
    for (const [word, hint] of [
      ['aaa', `write at least four characters of its id; ${list}`],
      ['cccc', list],
    ] as const) {
      expect(() => store.get(word), word)
        .to.throw(LxcriError)
        .with.property('hint', hint);
    }
  });

  it('says so where it can be no directory', () => {
    const file = join(scratchDirectory(), 'file');
    writeFileSync(file, '');
    for (const below of [file, join(file, 'state')]) {
      expect(() => ExecutionStore.below(below).all())
        .to.throw(LxcriError, /cannot be a directory/)
        .with.property('code', 'ConfigError');
    }
    expect(() => new ExecutionStore(file).all()).to.throw(LxcriError, /cannot be a directory/);
  });

  it('bears files that a loss of power has cut off', () => {
    put(ONE, { request: '', result: '{"schema', supervisor: '' });
    const found = store.get(ONE);
    expect([found.status, found.container, found.command]).to.deep.equal(['lost', '', []]);
    expect(Date.parse(found.startedAt)).to.be.within(Date.now() - 60_000, Date.now());
  });

  it('removes an execution with all its files, and minds none that is gone', () => {
    put(ONE, { result: result(ONE) });
    store.remove(ONE);
    store.remove(ONE);
    expect(readdirSync(store.directory)).to.deep.equal([]);
  });

  it('removes what is old, and never what runs', () => {
    const old = 8 * DAY_MS;
    put(ONE, { supervisor: ownMark(), ageMs: old });
    put(TWO, { result: result(TWO), ageMs: old });
    put(THREE, { result: result(THREE), ageMs: 6 * DAY_MS });
    const lost = 'cccc4444-0000-4000-8000-000000000004';
    put(lost, { ageMs: old });
    const unfinished = store.unfinishedPath('dddd5555-0000-4000-8000-000000000005');
    put('', { folder: unfinished, ageMs: old });
    const beingMade = store.unfinishedPath('dddd6666-0000-4000-8000-000000000006');
    put('', { folder: beingMade, supervisor: ownMark(), ageMs: old });
    put('', { folder: join(store.directory, '.removed-x') });
    store.prune(7 * DAY_MS);
    expect(readdirSync(store.directory).toSorted()).to.deep.equal(
      [ONE, THREE, '.new-dddd6666-0000-4000-8000-000000000006'].toSorted(),
    );
    expect(existsSync(beingMade)).to.equal(true);
  });
});
