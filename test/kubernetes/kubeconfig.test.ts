import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { identityByProvider } from '../../src/kubernetes/auth-provider.ts';
import { clusterConfig, isClusterChosen } from '../../src/kubernetes/kubeconfig.ts';
import type { ClusterConfig } from '../../src/kubernetes/kubeconfig.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import { scratchDirectory } from '../support/scratch.ts';

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
}

function kubeconfig({ cluster = {}, user = {}, context = {} }: Parts = {}): string {
  return JSON.stringify({
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', ...context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://one.example:6443', ...cluster } }],
    users: [{ name: 'u', user: { token: 'secret-token', ...user } }],
  });
}

function written(text: string, name = 'config'): string {
  const file = join(scratchDirectory(), name);
  writeFileSync(file, text);
  return file;
}

const read = (text: string): Promise<ClusterConfig> =>
  clusterConfig({ KUBECONFIG: written(text), HOME: '/nonexistent' });

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'none';
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    expect(error.message).not.to.match(/secret[-:]/);
    return `${error.code}: ${error.message}`;
  }
}

describe('a kubeconfig', () => {
  it('says where the cluster is, and who we are', async () => {
    const config = await read(kubeconfig({ context: { namespace: 'web' }, user: { as: 'other' } }));
    expect(config.server.href).to.equal('https://one.example:6443/');
    expect(config).to.deep.include({ namespace: 'web', ca: undefined, serverName: undefined });
    expect(config.identity).to.deep.include({ token: 'secret-token', headers: { 'Impersonate-User': 'other' } });
    expect((await read(kubeconfig())).namespace).to.equal('default');
  });

  it('may be several files: the first that says something is right', async () => {
    const first = written(
      JSON.stringify({
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'mine' } }],
      }),
    );
    const second = written(kubeconfig({ context: { namespace: 'theirs' } }));
    const KUBECONFIG = `/nonexistent/file:${first}:${second}`;
    expect((await clusterConfig({ KUBECONFIG })).namespace).to.equal('mine');
  });

  it('has more contexts than the current one: a variable of ours chooses', async () => {
    const KUBECONFIG = written(
      JSON.stringify({
        'current-context': 'a',
        contexts: ['a', 'arn:aws:eks:x:1:cluster/b@c'].map((name) => ({
          name,
          context: { cluster: 'c', namespace: name.slice(0, 3) },
        })),
        clusters: [{ name: 'c', cluster: { server: 'https://one.example' } }],
      }),
    );
    const namespaceOf = async (PROXMOX_LXCRI_KUBE_CONTEXT: string): Promise<string> =>
      (await clusterConfig({ KUBECONFIG, PROXMOX_LXCRI_KUBE_CONTEXT })).namespace;
    expect(await namespaceOf('')).to.equal('a');
    expect(await namespaceOf('arn:aws:eks:x:1:cluster/b@c')).to.equal('arn');
    expect(await codeOf(namespaceOf('other'))).to.match(/^ConfigError: .* no context "other"/);
  });

  it('names files from where it stands itself', async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'pki'));
    for (const [name, text] of [
      ['ca', 'the authority'],
      ['cert', 'the certificate'],
      ['token', 'read-token\n'],
    ] as const)
      writeFileSync(join(directory, 'pki', name), text);
    const file = join(directory, 'config');
    writeFileSync(
      file,
      kubeconfig({
        cluster: { 'certificate-authority': 'pki/ca' },
        user: { tokenFile: 'pki/token', 'client-certificate': 'pki/cert', 'client-key-data': btoa('the key') },
      }),
    );
    const { ca, identity } = await clusterConfig({ KUBECONFIG: file });
    expect(ca).to.equal('the authority');
    expect(identity).to.deep.include({ token: 'read-token', cert: 'the certificate', key: 'the key' });
  });

  it('may be written in any YAML', async () => {
    const yaml =
      'clusters: [{name: \'c\', cluster: {server: "https://two.example"}}] # comment\ncontexts:\n- {name: x, context: {cluster: c}}\ncurrent-context: x\n';
    expect((await read(yaml)).server.host).to.equal('two.example');
    expect(await codeOf(read('a: "b\nsecret: [}'))).to.match(/^ConfigError: .*not valid YAML/);
  });

  for (const [what, parts, reason] of [
    ['sends secrets to whoever answers', { cluster: { 'insecure-skip-tls-verify': true } }, /insecure-skip-tls-verify/],
    ['sends them so that all can read along', { cluster: { server: 'http://one.example' } }, /without TLS/],
    ['wants a proxy', { cluster: { 'proxy-url': 'http://proxy.example' } }, /proxy-url/],
    ['names no server', { cluster: { server: 'one.example:6443' } }, /no https:\/\/ address/],
    ['names a cluster that is not there', { context: { cluster: 'd' } }, /has no cluster "d"/],
    ['names a user that is not there', { context: { user: 'v' } }, /has no user "v"/],
    ['has a certificate without its key', { user: { 'client-certificate-data': 'eA==' } }, /without a client-key$/],
    [
      'has a key without its certificate',
      { user: { token: '', 'client-key-data': 'eA==' } },
      /without a client-certificate$/,
    ],
    ['names a file that is not there', { user: { tokenFile: 'no-such' } }, /no-such cannot be read/],
  ] as const)
    it(`that ${what} is refused`, async () => {
      expect(await codeOf(read(kubeconfig(parts))))
        .to.match(/^ConfigError: /)
        .and.to.match(reason);
    });

  it('that names a token of several lines, or a user of several, is refused without showing it', async () => {
    const tokenFile = written('secret-one\nsecret-two\n', 'token');
    expect(await codeOf(read(kubeconfig({ user: { tokenFile } })))).to.match(/^ConfigError: .*token.* is no token/);
    expect(await codeOf(read(kubeconfig({ user: { token: 'secret-\nx' } })))).to.match(
      /^ConfigError: .*user "u" is no/,
    );
    expect(await codeOf(read(kubeconfig({ user: { as: 'one\ntwo' } })))).to.match(/^ConfigError: .*Impersonate-User/);
  });

  it('with a provider that Kubernetes has given up is refused', async () => {
    expect(await codeOf(read(kubeconfig({ user: { 'auth-provider': { name: 'gcp' } } })))).to.match(/exec|oidc/);
  });

  it('with a token of OpenID Connect is believed as long as that is good', async () => {
    const withToken = (token?: string): Promise<ClusterConfig> =>
      read(kubeconfig({ user: { 'auth-provider': { name: 'oidc', config: { 'id-token': token } } } }));
    const tokenUntil = (seconds: number): string =>
      `e30.${Buffer.from(JSON.stringify({ exp: seconds })).toString('base64url')}.secret-signature`;
    const good = tokenUntil(Math.round(Date.now() / 1000) + 600);
    expect((await withToken(good)).identity.token).to.equal(good);
    expect(await codeOf(withToken(tokenUntil(1000)))).to.match(
      /^AuthenticationFailed: the id-token of user "u".* expired \(1970-01-01T00:16:40/,
    );
    const nearly = Date.now() + 60_000;
    const provider = { name: 'oidc', config: { 'id-token': tokenUntil(nearly / 1000) } };
    expect(() => identityByProvider('u', provider, nearly - 5000)).to.throw('expires too soon to be used');
    expect(() => identityByProvider('u', provider, nearly)).to.throw('has expired');
    expect(await codeOf(withToken('secret-one\ntwo'))).to.match(/^AuthenticationFailed: .*no id-token/);
    expect(await codeOf(withToken())).to.match(/^AuthenticationFailed: .*no id-token/);
  });

  it('may be missing: that is told, and ps lists nothing', async () => {
    expect(isClusterChosen({ HOME: '/nonexistent' })).to.equal(false);
    expect(isClusterChosen({ KUBECONFIG: written(kubeconfig()) })).to.equal(true);
    expect(await codeOf(clusterConfig({ HOME: '/nonexistent' }))).to.match(/^ConfigError: no Kubernetes cluster/);
    expect(await codeOf(clusterConfig({ KUBECONFIG: '/dev/null' }))).to.match(/^ConfigError: .*no current context/);
    const PROXMOX_LXCRI_KUBE_CONTEXT = 'gone';
    for (const KUBECONFIG of ['/nonexistent/config', '/dev/null', written(kubeconfig())])
      expect(await codeOf(clusterConfig({ KUBECONFIG, PROXMOX_LXCRI_KUBE_CONTEXT }))).to.equal(
        `ConfigError: there is no context "gone", which PROXMOX_LXCRI_KUBE_CONTEXT names, in ${KUBECONFIG}`,
      );
  });

  it('leads to a proxy of kubectl on this host without TLS, to which no token goes', async () => {
    const { server } = await read(kubeconfig({ cluster: { server: 'http://127.0.0.1:8001' } }));
    expect(server.protocol).to.equal('http:');
  });
});
