import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { clusterOf } from '../../src/kubernetes/cluster.ts';
import { clusterConfig } from '../../src/kubernetes/kubeconfig.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';

const V1 = 'client.authentication.k8s.io/v1';
const SECRET = 's3cr3tTOKEN';

const credential = (status: object): string => JSON.stringify({ apiVersion: V1, kind: 'ExecCredential', status });

/** One that nobody has asked about yet has ended all the same. */
function isRunning(pid: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z');
  } catch {
    return false;
  }
}

describe('a program that gives credentials', () => {
  /** The environment of a kubeconfig whose user has this program. */
  const place = (script: string, further: object = {}): NodeJS.ProcessEnv & { directory: string } => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'give'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, 'give'), 0o755);
    const KUBECONFIG = join(directory, 'config');
    const exec = { command: './give', apiVersion: V1, interactiveMode: 'Never', ...further };
    const extensions = [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'here' } }];
    writeFileSync(
      KUBECONFIG,
      JSON.stringify({
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: 'https://one.example:6443', extensions } }],
        users: [{ name: 'u', user: { exec } }],
      }),
    );
    return { KUBECONFIG, directory, PATH: '/usr/bin:/bin' };
  };

  const refusal = async (env: NodeJS.ProcessEnv): Promise<string> => {
    try {
      await clusterConfig(env);
      return 'none';
    } catch (error) {
      if (!isLxcriError(error)) throw error;
      expect(error.message).not.to.contain(SECRET);
      expect(error.message).not.to.contain(SECRET.slice(0, 5));
      return `${error.code}: ${error.message}`;
    }
  };

  it('is asked as the protocol says, without input', async () => {
    const env = place(
      `cat >&2; printf %s "$KUBERNETES_EXEC_INFO" >"$DIRECTORY/info"; echo '${credential({ token: SECRET })}'`,
      { provideClusterInfo: true },
    );
    env['DIRECTORY'] = env.directory;
    expect((await clusterConfig(env)).identity).to.deep.include({ token: SECRET });
    expect(JSON.parse(readFileSync(join(env.directory, 'info'), 'utf8'))).to.deep.equal({
      apiVersion: V1,
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://one.example:6443', config: { audience: 'here' } } },
    });
  });

  it('may give a certificate', async () => {
    const status = credential({ clientCertificateData: 'the certificate', clientKeyData: 'the key' });
    const { identity } = await clusterConfig(place(`echo '${status}'`));
    expect(identity).to.deep.include({ token: undefined, cert: 'the certificate', key: 'the key' });
  });

  for (const [what, script, reason] of [
    ['says no JSON', `echo ${SECRET}`, /AuthenticationFailed: .*its output is no ExecCredential$/],
    ['has no status', `echo '{"kind":"ExecCredential","apiVersion":"${V1}"}'`, /its output is no ExecCredential$/],
    ['says nothing', ':', /its output is no ExecCredential$/],
    ['gives a token of two lines', `printf '%s' '${credential({ token: `${SECRET}\nx` })}'`, /user "u".*no token has/],
    ['gives half a certificate', `echo '${credential({ clientKeyData: SECRET })}'`, /without the other/],
    ['gives nothing', `echo '${credential({})}'`, /neither a token nor a certificate/],
    ['fails', `echo ${SECRET}; echo 'log in first' >&2; exit 3`, /ended with exit code 3: log in first$/],
  ] as const)
    it(`that ${what} is refused, and what it gave is not shown`, async () => {
      expect(await refusal(place(script))).to.match(reason);
    });

  it('that is not there, or needs a terminal, is refused', async () => {
    expect(await refusal(place(':', { command: 'no-such-program' }))).to.match(/cannot be run \(ENOENT\)/);
    expect(await refusal(place(':', { apiVersion: 'v1' }))).to.match(/^ConfigError: .*apiVersion/);
  });

  it('is ended with all that it has started when nobody waits for it any more', async () => {
    const env = place(`echo $$ >"$DIRECTORY/pid"; sleep 193 & echo $! >"$DIRECTORY/child"; sleep 193`);
    env['DIRECTORY'] = env.directory;
    const pidOf = (name: string): string => {
      const file = join(env.directory, name);
      return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const ends = [first, second].map(({ signal }) => clusterOf(env, signal).catch((error: Error) => error.message));
    await waitFor(() => pidOf('child') !== '', { what: 'the program' });
    first.abort(new Error('canceled'));
    expect(await ends[0]).to.equal('canceled');
    // The other one still waits.
    expect(existsSync(`/proc/${pidOf('pid')}`)).to.equal(true);
    second.abort(new Error('late'));
    expect(await ends[1]).to.equal('late');
    expect(existsSync(`/proc/${pidOf('pid')}`)).to.equal(false);
    await waitFor(() => !isRunning(pidOf('child')), { what: 'its child to be gone' });
  });
});
