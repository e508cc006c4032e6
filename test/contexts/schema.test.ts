import { readFileSync } from 'node:fs';

import { expect } from 'chai';
import { parse } from 'yaml';

import { parseContexts } from '../../src/contexts/yaml.ts';
import { API_ROUTES } from '../../src/model/remote.ts';
import { configErrorOf } from '../config/error.ts';
import { documentErrors } from '../model/schema.ts';
import { recipes } from '../support/recipes.ts';

const PIN = Array.from({ length: 32 }, () => 'AB').join(':');

/** One context with a server; its other keys are given. */
function context(keys: string, hosts = '[pve1]'): string {
  return `contexts: {home: {hosts: ${hosts}, ${keys}}}`;
}

const USER = 'user: root@pam';
const TOKEN = 'token: root@pam!cli';

const RIGHT = [
  '',
  '# nothing',
  'contexts:',
  'contexts: {}',
  'current: home',
  `current: home\n${context(USER)}`,
  context('user: some.body@corp.example@ad-1'),
  context(`${USER}, passwordFile: /p`),
  context(`${USER}, passwordVariable: PVE_1`),
  context(`${USER}, passwordCommand: [pass, show, 7]`),
  context(`${TOKEN}, tokenFile: /t`),
  context(`${TOKEN}, tokenVariable: _T`),
  context(`${TOKEN}, tokenCommand: [secret]`),
  context(`${USER}, bare: true, caFile: /etc/ca.pem`),
  context(
    USER,
    '[pve1.example:8006, "https://pve1.example:8006/#v1:0", 192.0.2.1, "2001:db8::1", "[2001:db8::1]:8006"]',
  ),
  context(USER, `[{address: pve1, fingerprint: "${PIN}"}, {address: pve2}]`),
  context(USER, `[{address: pve1, fingerprint: ${PIN.replaceAll(':', '').toLowerCase()}}]`),
  context(`${USER}, routes:`),
  context(`${USER}, routes: []`),
  context(`${USER}, routes: [${API_ROUTES.join(', ')}]`),
  context(`${USER}, ssh:`),
  context(`${USER}, ssh: {destination: "root@{node}.example", options: [-p, 2222], sudo: true}`),
  context(`${USER}, ssh: {nodes: }`),
  context(`${USER}, ssh: {nodes: {pve3: {destination: admin@192.0.2.3, options: [], sudo: false}, pve4: {}}}`),
];

const WRONG = [
  '[]',
  'context: {}',
  'contexts: [home]',
  'contexts: {home: }',
  'contexts: {home: {}}',
  'contexts: {"ho me": {hosts: [pve1], user: root@pam}}',
  'current: 7 up',
  'current: [home]',
  context('bare: true'),
  context('user: root'),
  context('user: root@pam!cli'),
  context(`${USER}, ${TOKEN}, tokenFile: /t`),
  context(TOKEN),
  context('token: root@pam, tokenFile: /t'),
  context('token: root@pam!c, tokenFile: /t'),
  context(`${TOKEN}, passwordFile: /p`),
  context(`${TOKEN}, tokenFile: /t, passwordFile: /p`),
  context(`${USER}, tokenFile: /t`),
  context(`${USER}, passwordFile: /p, passwordVariable: P`),
  context(`${TOKEN}, tokenFile: /t, tokenCommand: [t]`),
  context(`${USER}, passwordFile: p`),
  context(`${USER}, passwordVariable: hunter 2`),
  context(`${USER}, passwordCommand: pass show`),
  context(`${USER}, passwordCommand: []`),
  context(`${USER}, caFile: ca.pem`),
  context(`${USER}, bare: 1`),
  context(`${USER}, bare: "true"`),
  context(`${USER}, host: pve1`),
  context(USER, 'pve1'),
  context(USER, '[]'),
  context(USER, '[http://pve1]'),
  context(USER, '["pve1:x"]'),
  context(USER, '["-pve1"]'),
  context(USER, '[{fingerprint: x}]'),
  context(USER, '[{address: pve1, fingerprint: "AB:CD"}]'),
  context(USER, '[{address: pve1, port: 8006}]'),
  context(`${USER}, routes: console`),
  context(`${USER}, routes: [shell]`),
  context(`${USER}, ssh: root@pve1`),
  context(`${USER}, ssh: {user: root}`),
  context(`${USER}, ssh: {destination: -oProxyCommand=x}`),
  context(`${USER}, ssh: {destination: root@pve1 x}`),
  context(`${USER}, ssh: {options: -v}`),
  context(`${USER}, ssh: {sudo: yes please}`),
  context(`${USER}, ssh: {nodes: [pve3]}`),
  context(`${USER}, ssh: {nodes: {"a b": {}}}`),
  context(`${USER}, ssh: {nodes: {pve3: }}`),
  context(`${USER}, ssh: {nodes: {pve3: {nodes: {}}}}`),
];

interface Mapping {
  properties: Record<string, Mapping & { $ref?: string; additionalProperties?: Mapping }>;
}

interface Schema extends Mapping {
  definitions: { context: Mapping; host: { anyOf: [unknown, Mapping] } };
}

describe('the schema of contexts.yaml', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../schemas/contexts.schema.json', import.meta.url), 'utf8'),
  ) as Schema;

  const objections = (text: string): string[] => documentErrors('contexts', parse(text) as unknown);

  it('takes what the program takes', () => {
    const unexpected: string[] = [];
    for (const text of RIGHT) {
      parseContexts('contexts.yaml', Buffer.from(text));
      const errors = objections(text);
      if (errors.length > 0) unexpected.push(`${text}: ${errors.join('; ')}`);
    }
    expect(unexpected).to.deep.equal([]);
  });

  it('takes the example of the documentation', () => {
    for (const text of recipes('contexts.md', 'yaml')) expect(objections(text), text).to.deep.equal([]);
  });

  it('refuses what the program refuses', async () => {
    const taken: string[] = [];
    for (const text of WRONG) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is as good
      await configErrorOf(() => parseContexts('contexts.yaml', Buffer.from(text)));
      if (objections(text).length === 0) taken.push(text);
    }
    expect(taken).to.deep.equal([]);
  });

  it('has the keys that the program knows, and no others', async () => {
    const known = async (text: string): Promise<string[]> => {
      const { hint = '' } = await configErrorOf(() => parseContexts('contexts.yaml', Buffer.from(text)));
      return hint.replace(/^the keys there are: /, '').split(', ');
    };
    const ofContext = schema.definitions.context.properties;
    for (const [text, { properties }] of [
      ['qqqqqq: 1', schema],
      [context('qqqqqq: 1'), schema.definitions.context],
      [context(USER, '[{qqqqqq: 1}]'), schema.definitions.host.anyOf[1]],
      [context(`${USER}, ssh: {qqqqqq: 1}`), ofContext['ssh'] as Mapping],
      [
        context(`${USER}, ssh: {nodes: {a: {qqqqqq: 1}}}`),
        ofContext['ssh']?.properties['nodes']?.additionalProperties as Mapping,
      ],
    ] as const)
      expect(await known(text), text).to.have.members(Object.keys(properties));
  });
});
