import { expect } from 'chai';

import { MAX_STATE_BYTES, parseState } from '../../../src/oci/hooks/state.ts';
import type { OciState } from '../../../src/oci/hooks/state.ts';
import { usageErrorOf } from '../../cli/values/usage-error.ts';
import { STATE, stateText } from './states.ts';

function parse(text: string): OciState {
  return parseState(Buffer.from(text));
}

function refusalOf(text: string | Buffer): string {
  const { message, hint } = usageErrorOf(() => parseState(Buffer.from(text as string)));
  expect(hint).to.include('"$@"');
  expect(message.length, message).to.be.below(200);
  return message;
}

describe('the state that an OCI runtime writes to a hook', () => {
  it('is taken as runc writes it', () => {
    expect(parse(stateText())).to.deep.equal({
      id: 'web',
      status: 'creating',
      pid: 4242,
      annotations: new Map([['org.example.proxy', 'lxc:proxy']]),
    });
  });

  it('may lack what the specification lets it lack, and have more', () => {
    expect(parse(stateText({ status: 'stopped', pid: undefined, annotations: undefined }))).to.deep.equal({
      id: 'web',
      status: 'stopped',
      pid: undefined,
      annotations: new Map(),
    });
    expect(parse(stateText({ status: 'stopped', pid: 0 })).pid).to.equal(undefined);
    expect(
      parse(` \n${stateText({ root: '/x', nested: { id: 'other' }, ociVersion: '1.2.0+build.7' })}\n`).id,
    ).to.equal('web');
  });

  it('may hold anything in its id, which is only a name', () => {
    for (const id of ['\u001b[31mweb', 'a\nb', '__proto__', '../../etc', 'ä'.repeat(5000)])
      expect(parse(stateText({ id })).id).to.equal(id);
  });

  it('is refused without what must be there, or with something else', () => {
    for (const [property, values] of Object.entries({
      ociVersion: [undefined, '', '1.0', 'v1.0.0', 1, null, '1.0.0 ', '1.0.0\n', `1.0.${'0'.repeat(100)}`],
      id: [undefined, '', 7, null, ['web'], { a: 1 }],
      status: [undefined, '', 'paused', 'Running', 1, null, ['running'], '__proto__', 'toString'],
      pid: ['1', -1, 1.5, 1e300, true, [1], {}, 4_194_305],
      bundle: [undefined, '', 'relative', 1, null, []],
      annotations: ['a', 1, [], ['a'], null, { a: 1 }, { a: null }, { a: { b: 'c' } }],
    })) {
      for (const value of values) {
        const message = refusalOf(stateText({ [property]: value }));
        expect(message, `${property}: ${JSON.stringify(value)}`).to.include(`${property} must be`);
      }
    }
    for (const status of ['created', 'running']) {
      for (const pid of [undefined, 0]) expect(refusalOf(stateText({ status, pid }))).to.include('pid must be');
    }
  });

  it('is refused where it is no JSON object', () => {
    for (const text of ['null', '1', '"id"', '[]', `[${stateText()}]`, 'true'])
      expect(refusalOf(text), text).to.include('not a JSON object');
    const whole = stateText();
    for (let end = 1; end < whole.length; end++) expect(refusalOf(whole.slice(0, end))).to.include('not valid JSON');
    for (const text of [`${whole}x`, `${whole}${whole}`, `\uFEFF${whole}`, "{id:'web'}", whole.replaceAll('"', "'")])
      expect(refusalOf(text)).to.include('not valid JSON');
    expect(refusalOf('')).to.include('empty');
    expect(refusalOf('  \n')).to.include('not valid JSON');
  });

  it('is refused where it is not UTF-8', () => {
    const latin1 = Buffer.from(stateText({ id: 'w\u00e4b' }), 'latin1');
    expect(refusalOf(latin1)).to.include('not valid UTF-8');
    expect(refusalOf(Buffer.from(`\uFEFF${stateText()}`, 'utf16le'))).to.include('not valid UTF-8');
  });

  it('is refused where it is too long, and understood where it just is not', () => {
    const padded = (length: number): string => stateText({ pad: 'x'.repeat(length - stateText({ pad: '' }).length) });
    expect(parse(padded(MAX_STATE_BYTES)).id).to.equal('web');
    expect(refusalOf(padded(MAX_STATE_BYTES + 1))).to.include('longer than');
  });

  it('does no harm however deep it is', () => {
    const depth = MAX_STATE_BYTES / 2 - 1000;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(parse(stateText().replace('{', `{"deep":${deep},`)).id).to.equal('web');
    expect(refusalOf(deep)).to.include('not a JSON object');
    expect(refusalOf('['.repeat(MAX_STATE_BYTES))).to.include('not valid JSON');
    expect(refusalOf('{"a":'.repeat(200_000))).to.include('not valid JSON');
  });

  it('has of a property given twice the last one, as for the runtimes', () => {
    expect(parse(stateText().replace('"id":"web"', '"id":"web","id":"db"')).id).to.equal('db');
    expect(refusalOf(stateText().replace('"id":"web"', '"id":"web","id":7'))).to.include('id must be');
  });

  it('has no properties but its own, whatever they are called', () => {
    const inherited = JSON.stringify({ ...STATE, id: undefined }).replace('{', '{"__proto__":{"id":"evil"},');
    expect(refusalOf(inherited)).to.include('id must be');
    const { annotations } = parse(
      stateText().replace('"annotations":{', '"annotations":{"__proto__":"mine","constructor":"too",'),
    );
    expect([annotations.get('__proto__'), annotations.get('constructor')]).to.deep.equal(['mine', 'too']);
    expect(parse(stateText()).annotations.get('toString')).to.equal(undefined);
    expect(refusalOf(stateText().replace('"annotations":{', '"annotations":{"__proto__":{"a":"b"},'))).to.include(
      'annotations must be',
    );
    expect(({} as { id?: string }).id).to.equal(undefined);
  });

  it('does not show its annotations in errors', () => {
    for (const text of [
      stateText({ annotations: { password: 'hunter2', a: 1 } }),
      stateText({ annotations: { password: 'hunter2' } }).slice(0, -3),
      stateText({ annotations: 'hunter2' }),
      stateText({ status: 'hunter2' }),
    ])
      expect(refusalOf(text)).not.to.include('hunter2');
  });
});
