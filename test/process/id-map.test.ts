import { expect } from 'chai';

import { insideId, readIdMap } from '../../src/process/id-map.ts';
import { ID_BASE, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';

describe('the ids of a user namespace', () => {
  it('are those of the host where there is no other namespace', () => {
    const map = readIdMap(process.pid, 'uid');
    for (const id of [0, 1000, 4_294_967_294]) expect(insideId(map, id)).to.equal(id);
  });

  it('are found in whichever range they are, both ends included', () => {
    const map = [
      { inside: 0, outside: 100_000, count: 1000 },
      { inside: 1000, outside: 1000, count: 1 },
    ];
    expect([99_999, 100_000, 100_999, 101_000].map((id) => insideId(map, id))).to.deep.equal([
      undefined,
      0,
      999,
      undefined,
    ]);
    expect([999, 1000, 1001].map((id) => insideId(map, id))).to.deep.equal([undefined, 1000, undefined]);
  });

  it('are none once the process is gone', () => {
    expect(readIdMap(4_194_305, 'uid')).to.deep.equal([]);
  });

  describe('of an unprivileged container', () => {
    let container: Container;
    before(async () => {
      container = await startContainer({ kind: 'busybox', unprivileged: true });
    });
    after(() => container.destroy());

    for (const kind of ['uid', 'gid'] as const) {
      it(`are told from the host's: ${kind}`, async () => {
        const map = readIdMap(await container.initPid(), kind);
        expect(insideId(map, ID_BASE)).to.equal(0);
        expect(insideId(map, ID_BASE + 33)).to.equal(33);
        expect(insideId(map, 0)).to.equal(undefined);
      });
    }
  });
});
