import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { endpointName, endpointOf, isEndpointChosen, isThere } from '../../src/docker/endpoint.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import { scratchDirectory } from '../support/scratch.ts';

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return isLxcriError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return 'no error';
}

describe('where the Docker engine is', () => {
  const none = { DOCKER_CONFIG: '/nonexistent' };

  it('is the usual socket, unless something else is said', () => {
    expect(endpointOf(none)).to.deep.equal({ kind: 'unix', path: '/var/run/docker.sock' });
    expect(endpointOf({ ...none, DOCKER_HOST: '', DOCKER_CONTEXT: 'default' })).to.deep.include({ kind: 'unix' });
    expect(isEndpointChosen(none)).to.equal(false);
    expect(isEndpointChosen({ ...none, DOCKER_HOST: 'tcp://h' })).to.equal(true);
  });

  it('is what DOCKER_HOST says', () => {
    const of = (host: string): unknown => endpointOf({ ...none, DOCKER_HOST: host });
    expect(of('unix:///run/podman/podman.sock')).to.deep.equal({ kind: 'unix', path: '/run/podman/podman.sock' });
    expect(of('tcp://[::1]:99')).to.deep.equal({ kind: 'tcp', host: '::1', port: 99, tls: undefined });
    expect(of('tcp://host')).to.deep.equal({ kind: 'tcp', host: 'host', port: 2375, tls: undefined });
    expect(of('ssh://me@host:2222')).to.deep.equal({ kind: 'ssh', destination: 'me@host', port: '2222' });
    for (const wrong of [
      'host',
      'unix://relative',
      'tcp://',
      'tcp://h:99999',
      'ssh://-oProxyCommand=x',
      'fd://',
      'tcp://a b',
    ])
      expect(
        errorOf(() => of(wrong)),
        wrong,
      ).to.match(/^ConfigError: DOCKER_HOST is /);
  });

  it('has no password that an error could show', () => {
    for (const wrong of [
      'ssh://root:secret@h',
      'tcp://user:secret@h',
      'secret@h',
      'ssh://root:s/@ecret@h:1',
      '://secret@',
    ])
      expect(errorOf(() => endpointOf({ ...none, DOCKER_HOST: wrong })))
        .to.match(/^ConfigError: DOCKER_HOST is "[a-z:/]*\*\*\*@/)
        .and.not.include('ecret');
  });

  it('has a name that can be written into DOCKER_HOST', () => {
    for (const host of ['tcp://[::1]:99', 'tcp://127.0.0.1:99', 'ssh://me@host:2222', 'unix:///run/s'])
      expect(endpointName(endpointOf({ ...none, DOCKER_HOST: host }))).to.equal(host);
  });

  it('is verified with TLS, or refused', () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'ca.pem'), 'the authority');
    const variables = { ...none, DOCKER_HOST: 'tcp://host', DOCKER_CERT_PATH: directory };
    expect(endpointOf({ ...variables, DOCKER_TLS_VERIFY: '1' })).to.deep.equal({
      kind: 'tcp',
      host: 'host',
      port: 2376,
      tls: { ca: 'the authority', cert: undefined, key: undefined },
    });
    expect(errorOf(() => endpointOf({ ...variables, DOCKER_TLS: '1' }))).to.match(
      /^ConfigError: DOCKER_TLS asks for TLS/,
    );
  });

  it('is that of the current context, which is written as Docker writes it', () => {
    const directory = scratchDirectory();
    const write = (name: string, endpoint: object): void => {
      const digest = createHash('sha256').update(name).digest('hex');
      const meta = join(directory, 'contexts/meta', digest);
      mkdirSync(meta, { recursive: true });
      writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: endpoint } }));
    };
    write('far', { Host: 'ssh://far' });
    write('open', { Host: 'tcp://open:1', SkipTLSVerify: true });
    const env = { DOCKER_CONFIG: directory };
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ currentContext: 'far', auths: {} }));
    expect(endpointOf(env)).to.deep.equal({ kind: 'ssh', destination: 'far', port: undefined });
    expect(endpointOf({ ...env, DOCKER_CONTEXT: 'default' })).to.deep.include({ kind: 'unix' });
    expect(errorOf(() => endpointOf({ ...env, DOCKER_CONTEXT: 'open' }))).to.match(/^ConfigError: the context "open"/);
    expect(errorOf(() => endpointOf({ ...env, DOCKER_CONTEXT: 'none' }))).to.match(/^ConfigError: there is no context/);
    for (const wrong of ['[]', 'null', '{"currentContext":5}']) {
      writeFileSync(join(directory, 'config.json'), wrong);
      expect(
        errorOf(() => endpointOf(env)),
        wrong,
      ).to.match(/^ConfigError: .*config\.json is no JSON/);
    }
    write('wrong', { Host: 5 });
    expect(errorOf(() => endpointOf({ ...env, DOCKER_CONTEXT: 'wrong' }))).to.match(
      /^ConfigError: .*meta\.json is no JSON/,
    );
    writeFileSync(join(directory, 'config.json'), '{"auths": secret');
    expect(errorOf(() => endpointOf(env)))
      .to.match(/^ConfigError: .*config\.json is no JSON/)
      .and.not.include('secret');
  });

  it('has nobody there when nothing listens', async () => {
    expect(await isThere('/nonexistent/socket')).to.equal(false);
  });
});
