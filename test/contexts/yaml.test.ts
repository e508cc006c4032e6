import { expect } from 'chai';

import type { Context, ContextFile } from '../../src/contexts/context.ts';
import { parseContexts, withChange } from '../../src/contexts/yaml.ts';
import { configErrorOf } from '../config/error.ts';

const PATH = '/etc/proxmox-lxcri/contexts.yaml';
const PIN = Array.from({ length: 32 }, () => 'AB').join(':');

function read(text: string): ContextFile {
  return parseContexts(PATH, Buffer.from(text));
}

function only(text: string): Context {
  const [context] = [...read(text).contexts.values()];
  if (context === undefined) throw new Error('no context');
  return context;
}

/** A context whose other keys are fine. */
function withKeys(keys: string): string {
  return `contexts:\n  home:\n    hosts: [pve1]\n    user: root@pam\n    ${keys}\n`;
}

async function wrong(text: string): Promise<string> {
  const { message, hint } = await configErrorOf(() => read(text));
  expect(message.startsWith(PATH), message).to.equal(true);
  return `${message.slice(PATH.length)}; ${hint}`;
}

describe('contexts.yaml', () => {
  it('names clusters, with all that is known of them', () => {
    const { current, contexts } = read(`# ours
current: home
contexts:
  home:
    hosts:
      - pve1.example
      - address: "[2001:db8::1]:443"
        fingerprint: ${PIN.toLowerCase()}
    caFile: /etc/ssl/pve.pem
    token: root@pam!cli
    tokenFile: /etc/proxmox-lxcri/tokens/home
    bare: true
    routes: [console, node-shell, console]
    ssh:
      destination: root@{node}
      options: [-p, 2222]
      nodes:
        pve2: {destination: admin@pve2, sudo: true}
  lab:
    hosts: [192.0.2.1]
    user: ops@pve
    passwordCommand: [pass, show, "my lab"]
`);
    expect(current).to.equal('home');
    expect([...contexts.keys()]).to.deep.equal(['home', 'lab']);
    expect(contexts.get('home')).to.deep.equal({
      name: 'home',
      file: PATH,
      line: 4,
      hosts: [
        { host: 'pve1.example', port: 8006, fingerprint: undefined },
        { host: '2001:db8::1', port: 443, fingerprint: PIN },
      ],
      caFile: '/etc/ssl/pve.pem',
      identity: { kind: 'token', id: 'root@pam!cli', secret: { kind: 'file', path: '/etc/proxmox-lxcri/tokens/home' } },
      bare: true,
      routes: ['node-shell', 'console'],
      ssh: { destination: 'root@{node}', options: ['-p', '2222'], sudo: undefined },
      sshNodes: new Map([['pve2', { destination: 'admin@pve2', options: undefined, sudo: true }]]),
    });
    expect(contexts.get('lab')).to.deep.include({
      line: 19,
      caFile: undefined,
      bare: false,
      routes: [],
      identity: { kind: 'user', user: 'ops@pve', password: { kind: 'command', argv: ['pass', 'show', 'my lab'] } },
    });
  });

  it('may be empty', () => {
    for (const text of ['', '# nothing', 'contexts:', 'contexts: {}']) expect(read(text).contexts.size).to.equal(0);
  });

  it('may leave the password out: the ticket of a login is used', () => {
    expect(only(withKeys('bare: false')).identity).to.deep.equal({
      kind: 'user',
      user: 'root@pam',
      password: undefined,
    });
  });

  it('names the place of every mistake, and what is allowed there', async () => {
    const cases: [string, RegExp][] = [
      ['[]', /^:1:1: the file must hold keys with values; write for instance: contexts:/],
      ['context: {}', /^:1:1: unknown key "context"; did you mean contexts\?/],
      ['contexts: [home]', /^:1:11: contexts must hold keys/],
      ['contexts:\n  home:\n', /^:2:8: contexts.home must hold keys with values; keys of it: hosts/],
      ['contexts:\n  ho me: {}', /^:2:3: contexts: "ho me" is no name of a context/],
      ['contexts:\n  a: {}\n  a: {}', /^:2:3: contexts.a.hosts is missing/],
      ['current: 7 up', /^:1:10: current: "7 up" is no name/],
      [withKeys('host: x'), /^:5:5: unknown key "contexts.home.host"; did you mean hosts\?/],
      [withKeys('user: a@b'), /^:5:5: contexts.home.user is set twice/],
      [withKeys('caFile: pve.pem'), /^:5:13: contexts.home.caFile: "pve.pem" is not an absolute path/],
      [withKeys('bare: 1'), /^:5:11: contexts.home.bare is neither true nor false/],
      [withKeys('routes: console'), /^:5:13: contexts.home.routes is no list/],
      [
        withKeys('routes: [ssh]'),
        /^:5:5: contexts.home.routes: there is no route "ssh"; use one or more of: guest-agent/,
      ],
      [withKeys('token: a@b!c'), /^:5:5: contexts.home: user and token are both set/],
      [withKeys('tokenFile: /x'), /^:5:5: contexts.home.tokenFile does not go with/],
      [
        withKeys('passwordFile: /x\n    passwordVariable: X'),
        /^:6:5: contexts.home.passwordVariable is one source too many; there is passwordFile/,
      ],
      [withKeys('passwordVariable: hunter 2'), /^:5:23: contexts.home.passwordVariable: that is no name of a variable/],
      [
        withKeys('passwordCommand: pass show x'),
        /^:5:22: contexts.home.passwordCommand is no list; write .*\[pass, show/,
      ],
      [withKeys('passwordCommand: []'), /^:5:5: contexts.home.passwordCommand names no program/],
      [
        withKeys('ssh: {destination: -oProxyCommand=x}'),
        /^:5:24: contexts.home.ssh.destination: .* no destination for ssh/,
      ],
      [withKeys('ssh: {nodes: {"a b": {}}}'), /^:5:19: contexts.home.ssh.nodes: "a b" is no name of a node/],
      [withKeys('ssh: {options: -v}'), /^:5:20: contexts.home.ssh.options is no list/],
      ['contexts: {a: {hosts: [pve1], user: root}}', /: contexts.a.user: "root" is no user; write it with its realm/],
      ['contexts: {a: {hosts: [pve1], token: ab@cd!ef}}', /: contexts.a.token has no secret; set tokenFile/],
      ['contexts: {a: {hosts: [pve1]}}', /: contexts.a: user or token is missing/],
      ['contexts: {a: {hosts: pve1}}', /^:1:23: contexts.a.hosts must be a list of servers/],
      ['contexts: {a: {hosts: []}}', /: contexts.a.hosts must be a list of servers/],
      ['contexts: {a: {hosts: [http://x]}}', /: contexts.a.hosts: "http:\/\/x" is no address/],
      ['contexts: {a: {hosts: [{fingerprint: x}]}}', /: contexts.a.hosts.address is missing/],
      [
        'contexts: {a: {hosts: [{address: x, fingerprint: "AB:CD"}]}}',
        /: contexts.a.hosts.fingerprint: "AB:CD" is no SHA-256/,
      ],
      ['x: &x [pve1]\n', /unknown key "x"/],
      ['contexts: {a: &a {hosts: [x], user: rr@pp}, b: *a}', /: contexts.b is an alias/],
      ['contexts: {', /is not valid YAML/],
    ];
    const unexpected: string[] = [];
    for (const [text, says] of cases) {
      const said = await wrong(text);
      if (!says.test(said)) unexpected.push(`${text}: ${said}`);
    }
    expect(unexpected).to.deep.equal([]);
  });

  it('does not show what may be a secret in the wrong place', async () => {
    expect(await wrong(withKeys('passwordVariable: hunter2!'))).not.to.include('hunter2');
  });
});

describe('a change of contexts.yaml', () => {
  const OLD = `# ours
contexts:
  # the cellar
  home:
    hosts: [pve1] # the quiet one
    user: root@pam
    ssh: {options: [-v]}
  lab:
    hosts: [lab1]
    user: ops@pve
`;
  const change = (text: string, what: Parameters<typeof withChange>[2]): string =>
    withChange(PATH, Buffer.from(text), what);

  it('begins a file', () => {
    const text = change('', { set: { name: 'home', keys: { hosts: ['pve1'], user: 'root@pam', bare: undefined } } });
    expect(text).to.equal('contexts:\n  home:\n    hosts:\n      - pve1\n    user: root@pam\n');
  });

  it('sets keys of a context, and leaves the others with their comments', () => {
    const keys = { hosts: ['pve1'], user: undefined, token: 'root@pam!cli', tokenFile: '/t' };
    const text = change(OLD, { set: { name: 'home', keys } });
    expect(text).to.include('# the cellar').and.to.include('# the quiet one').and.to.include('-v');
    expect(only(text).identity).to.deep.equal({
      kind: 'token',
      id: 'root@pam!cli',
      secret: { kind: 'file', path: '/t' },
    });
    expect(read(text).contexts.get('lab')).to.deep.include({ identity: read(OLD).contexts.get('lab')?.identity });
  });

  it('removes a context, and sets the current one', () => {
    expect([...read(change(OLD, { remove: 'home' })).contexts.keys()]).to.deep.equal(['lab']);
    const used = change(OLD, { current: 'lab' });
    expect(read(used).current).to.equal('lab');
    expect(change(used, { current: null })).not.to.include('current');
  });

  it('leaves a file that would be the same as it is written', () => {
    const odd = 'contexts: {home:   {hosts: [pve1], user:   root@pam}}   # odd\n';
    expect(change(odd, { set: { name: 'home', keys: { user: 'root@pam', token: undefined } } })).to.equal(odd);
    expect(change(odd, { remove: 'nosuch' })).to.equal(odd);
    expect(change(odd, { current: null })).to.equal(odd);
  });

  it('does not make a file wrong, or hide that it is', async () => {
    await configErrorOf(() => change(OLD, { set: { name: 'home', keys: { token: 'root@pam!cli' } } }));
    await configErrorOf(() => change('contexts: [', { current: 'x' }));
  });
});
