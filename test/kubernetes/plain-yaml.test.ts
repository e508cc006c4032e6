import { expect } from 'chai';
import { parse } from 'yaml';

import { plainYaml } from '../../src/kubernetes/plain-yaml.ts';

const WRITTEN = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTi+/aB==
    server: https://127.0.0.1:6443
  name: kind-kind
contexts:
  - context:
      cluster: kind-kind
      namespace: web
      user: kubernetes-admin@kind
    name: kind-kind
current-context: kind-kind
kind: Config
preferences: {}
users:
- name: kubernetes-admin@kind
  user:
    token: abc.def-ghi_jkl
    exec: null
    tls: true
    as: ""
- name: nobody
  user: {}
`;

describe('the plain part of YAML', () => {
  it('means what YAML means', () => {
    expect(plain(WRITTEN)).to.deep.equal(parse(WRITTEN));
  });

  it('takes tokens that begin as numbers do for text, and no number', () => {
    for (const token of ['30d0a43b5e', '12e34f', '1.2.3', '0x1g', '10.0.0.1:6443', 'deadbeef'])
      expect(plain(`a: ${token}\n`)).to.deep.equal({ a: token });
    for (const other of [
      '12e34',
      '1_000',
      '0b11',
      '0o17',
      '017',
      '1:30',
      '2026-11-21',
      '2026-11-21T00:00:00Z',
      '+12',
      '1.',
    ])
      expect(plain(`a: ${other}\n`), other).to.equal(undefined);
  });

  /** Whatever it is, it is the same, or left to who knows all of YAML. */
  for (const text of [
    'a: b\na: c\n',
    'a: "b"\n',
    "a: 'b'\n",
    'a: 12\n',
    'a: 1e3\n',
    'a: 0x1f\n',
    'a: yes\n',
    'a: 2026-11-21\n',
    'a: b # c\n',
    '# c\na: b\n',
    'a: &x b\nc: *x\n',
    'a: |\n  b\n',
    'a: b:\n',
    'a:\n- b\n- c\n',
    'a:\n  - b: c\n   d: e\n',
    'a:\n    b: c\n  d: e\n',
    'a: b\n  c: d\n',
    ' a: b\n',
    'a:\n\tb: c\n',
    'a: b\r\nc: d\r\n',
    '---\na: b\n',
    'a: [b, c]\n',
    '- a: b\n',
    'a:\n- - b: c\n',
    'a:\n- b: c\n- d\n',
    'a: ~\n',
    'a: .5\n',
    'a: +1\n',
    'a: <<\n',
    '__proto__: b\n',
    '',
    'a:\nb:\n  c:\n',
    'a:\n- b:\n    c: d\n  e: f\ng: h\n',
  ]) {
    it(`${JSON.stringify(text)} means the same, or nothing`, () => {
      const found = plain(text);
      if (found === undefined) return;
      expect(found).to.deep.equal(parse(text) ?? {});
    });
  }
});

/** Without what has no prototype, which chai would tell apart. */
function plain(text: string): unknown {
  const found = plainYaml(text);
  return found === undefined ? undefined : JSON.parse(JSON.stringify(found));
}
