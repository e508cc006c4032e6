/** docs/api.md is what the library exports: the record of its public surface. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { expect } from 'chai';

import { extractApi } from '../../scripts/api-docs/extract.ts';
import type { ApiItem } from '../../scripts/api-docs/extract.ts';
import { renderApi } from '../../scripts/api-docs/render.ts';

const ROOT = resolve(import.meta.dirname, '../..');

function item(given: Partial<ApiItem>): ApiItem {
  return {
    kind: 'Function',
    name: 'f',
    docComment: '/**\n * Does it.\n */\n',
    excerptTokens: [],
    members: [],
    ...given,
  };
}

function tokens(...texts: string[]): { text: string }[] {
  return texts.map((text) => ({ text }));
}

const ABOUT = '/** All of it. */';

describe('the reference of the library', () => {
  it('is up to date: else run npm run docs:api, and read what has changed for those who use it', () => {
    const { about, items } = extractApi(ROOT);
    expect(renderApi(about, items)).to.equal(readFileSync(join(ROOT, 'docs/api.md'), 'utf8'));
  });

  it('shows a function with its arguments, its result and its errors', () => {
    const docComment = `/**
 * Does it, see {@link Thing.part}.
 *
 * @param what - the thing
 *  to do.
 *
 * @returns how.
 *
 * @throws
 *
 * Never.
 */
`;
    const text = renderApi(ABOUT, [
      item({ docComment, excerptTokens: tokens('export declare function f(what: ', 'Thing', '): void;') }),
      item({ kind: 'Interface', name: 'Thing', excerptTokens: tokens('export interface Thing ') }),
    ]);
    expect(text).to.include(
      '```ts\nfunction f(what: Thing): void;\n```\n\nDoes it, see [`Thing.part`](#thing).\n\n- `what`: the thing\n  to do.\n- Returns how.\n- Throws Never.\n',
    );
    expect(text).to.include('- Functions: [f](#f)\n- Interfaces: [Thing](#thing)');
  });

  it('shows properties without what goes without saying', () => {
    const members = [
      item({ kind: 'PropertySignature', name: 'a', excerptTokens: tokens('readonly a?: ', 'string', ' | undefined;') }),
      item({ kind: 'PropertySignature', name: 'b', docComment: '', excerptTokens: tokens('b: string | undefined;') }),
    ];
    const text = renderApi(ABOUT, [item({ kind: 'Interface', name: 'Thing', members })]);
    expect(text).to.include('- `a?: string`: Does it.\n- `b: string | undefined`\n');
  });

  it('is refused for what has no comment, links that lead nowhere, and what it does not know', () => {
    expect(() => renderApi(ABOUT, [item({ docComment: '' })])).to.throw('f has no comment');
    expect(() => renderApi(ABOUT, [item({ docComment: '/** See {@link Gone}. */' })])).to.throw('leads to Gone');
    expect(() => renderApi(ABOUT, [item({ kind: 'Namespace' })])).to.throw('no section for f');
  });
});
