import { expect } from 'chai';

import {
  Misfit,
  amount,
  flag,
  guestNumber,
  isMisfit,
  list,
  nodeName,
  object,
  oneOf,
  optional,
  table,
  text,
} from '../../../src/proxmox/api/shape.ts';
import type { Reader } from '../../../src/proxmox/api/shape.ts';

function misfit(read: Reader<unknown>, value: unknown): string {
  try {
    read(value, '');
  } catch (error) {
    if (isMisfit(error)) return error.message;
    throw error;
  }
  throw new Error(`it took ${JSON.stringify(value)}`);
}

const NONE = [null, undefined, {}, [], Number.NaN, () => 1];

describe('the shape of an answer', () => {
  it('has text and numbers as Perl has them', () => {
    expect([text('x', ''), text(7, ''), text('', '')]).to.deep.equal(['x', '7', '']);
    expect([amount(7, ''), amount('7.5', ''), amount(0, '')]).to.deep.equal([7, 7.5, 0]);
    expect([1, '1', true, 0, '0', false, ''].map((value) => flag(value, ''))).to.deep.equal([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    for (const value of [null, undefined, {}, [], true]) expect(misfit(text, value)).to.equal('the data is no text');
    for (const value of [...NONE, -1, '-1', '', '1e3', ' 1', true]) misfit(amount, value);
    for (const value of [...NONE, 2, 'yes']) misfit(flag, value);
  });

  it('has the words of Proxmox', () => {
    expect([guestNumber(101, ''), guestNumber('999999999', '')]).to.deep.equal(['101', '999999999']);
    for (const value of [...NONE, 99, '0101', '1000000000', '101/x', 101.5]) misfit(guestNumber, value);
    expect([nodeName('pve-1', ''), nodeName('7', '')]).to.deep.equal(['pve-1', '7']);
    for (const value of [...NONE, '', '..', 'a/b', '-o', 'a b', 'x'.repeat(64), 'ü']) misfit(nodeName, value);
    expect(oneOf('a', 'b')('b', '')).to.equal('b');
    expect(misfit(oneOf('a', 'b'), 'c')).to.equal('the data is none of a, b');
  });

  it('says where it does not fit', () => {
    const guests = object({ guests: list(object({ name: optional(text), node: nodeName })) });
    expect(guests({ guests: [{ node: 'a', name: null, more: 1 }] }, '')).to.deep.equal({
      guests: [{ node: 'a', name: undefined }],
    });
    expect(misfit(guests, { guests: [{ node: 'a' }, { node: 7.5 }] })).to.equal('guests[1].node is no name of a node');
    expect(misfit(guests, { guests: {} })).to.equal('guests is no list');
    expect(misfit(guests, [])).to.equal('the data is no object');
    expect(misfit(list(text), 'x')).to.equal('the data is no list');
  });

  it('has only what the answer has itself', () => {
    expect(misfit(object({ constructor: text }), {})).to.equal('constructor is no text');
    const members = table(text)(JSON.parse('{"__proto__":"x","a":"b"}'), '');
    expect([...members]).to.deep.equal([
      ['__proto__', 'x'],
      ['a', 'b'],
    ]);
    expect(misfit(table(text), { a: {} })).to.equal('a member is no text');
  });

  it('is not told from a mistake of ours by its class', () => {
    expect(isMisfit(Object.assign(new Error('x'), { name: 'Misfit' }))).to.equal(true);
    expect([new Misfit('x'), new TypeError('x'), 'Misfit'].map(isMisfit)).to.deep.equal([true, false, false]);
  });
});
