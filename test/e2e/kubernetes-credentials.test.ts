/** How we say to a Kubernetes cluster who we are, where that is more than a token in a kubeconfig. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { createRuntime } from '../../src/index.ts';
import { CLI } from '../methods/contract/cli.ts';
import { needsKubernetes, startKubernetes } from '../support/kubernetes.ts';
import type { TestKubernetes } from '../support/kubernetes.ts';
import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { needs } from '../support/component.ts';

/** Shows a directory where a pod finds its service account, to nobody but this one program. */
const AS_IN_A_POD =
  'mount -t tmpfs tmpfs /var/run && mkdir -p /var/run/secrets/kubernetes.io/serviceaccount && ' +
  'mount --bind "$0" /var/run/secrets/kubernetes.io/serviceaccount && exec "$@"';

describe('the credentials of a Kubernetes cluster', () => {
  let cluster: TestKubernetes;

  before(async function () {
    this.timeout(120_000);
    needsKubernetes(this);
    cluster = await startKubernetes();
    await Promise.all([cluster.createPod({ name: 'web' }), cluster.createPod({ name: 'job', namespace: 'other' })]);
  });

  after(() => cluster?.stop());

  describe('in one of its pods', () => {
    let account: string;

    before(function () {
      const isPossible = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/var/run']).status === 0;
      needs(this, 'unshare -m', isPossible);
    });

    beforeEach(() => {
      account = scratchDirectory();
      copyFileSync(cluster.caFile, join(account, 'ca.crt'));
      writeFileSync(join(account, 'token'), `${cluster.admin.token ?? ''}\n`);
      writeFileSync(join(account, 'namespace'), 'other');
    });

    const call = async (reference: string, env: NodeJS.ProcessEnv = {}): Promise<unknown> => {
      const words = ['exec', reference, '--', 'echo', 'ran'];
      const { exitCode, stdout, stderr } = await run(
        ['unshare', '-m', 'sh', '-c', AS_IN_A_POD, account, CLI, ...words],
        {
          env: {
            PATH: process.env['PATH'],
            HOME: '/nonexistent',
            PROXMOX_LXCRI_CONFIG: '/dev/null',
            KUBERNETES_SERVICE_HOST: '127.0.0.1',
            KUBERNETES_SERVICE_PORT: String(cluster.port),
            ...env,
          },
        },
      );
      return exitCode === 0 ? stdout : stderr;
    };

    it('are those of its service account', async () => {
      expect(await call('k8s:job')).to.equal('ran\n');
      expect(await call('k8s:default/web')).to.equal('ran\n');
      // As the official clients have it.
      expect(await call('k8s:web', { POD_NAMESPACE: 'default' })).to.equal('ran\n');
      rmSync(join(account, 'namespace'));
      expect(await call('k8s:web')).to.equal('ran\n');
      // As kubectl has it: only what says something counts.
      const users = join(account, 'users');
      writeFileSync(users, 'users: [{name: u, user: {token: x}}]\n');
      for (const KUBECONFIG of ['/nonexistent', '/dev/null', users])
        expect(await call('k8s:web', { KUBECONFIG }), KUBECONFIG).to.equal('ran\n');
      writeFileSync(users, 'current-context: gone\n');
      expect(await call('k8s:web', { KUBECONFIG: users })).to.match(/ConfigError: .*no context "gone"/);
      expect(await call('k8s:web', { PROXMOX_LXCRI_KUBE_CONTEXT: 'x' })).to.match(
        /ConfigError: there is no context "x", which PROXMOX_LXCRI_KUBE_CONTEXT names/,
      );
    });

    it('are told where they are none', async () => {
      writeFileSync(join(account, 'token'), 'one\ntwo\n');
      expect(await call('k8s:job'))
        .to.match(/ConfigError: .*serviceaccount\/token: it is no token/)
        .and.not.include('two');
      writeFileSync(join(account, 'token'), 'of-nobody');
      expect(await call('k8s:job')).to.match(/AuthenticationFailed/);
      expect(await call('k8s:job', { KUBERNETES_SERVICE_PORT: 'x' })).to.match(/ConfigError: .*are no address/);
      rmSync(join(account, 'token'));
      expect(await call('k8s:job')).to.match(/ConfigError: no Kubernetes cluster.*automountServiceAccountToken/s);
    });
  });

  it('in a file may change at any time', async () => {
    const directory = scratchDirectory();
    const [kubeconfig, tokenFile] = [join(directory, 'config'), join(directory, 'token')];
    const renew = async (): Promise<void> =>
      writeFileSync(tokenFile, (await cluster.addUser({ name: 'renewed' })).token ?? '');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        'current-context': 'here',
        contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: cluster.server, 'certificate-authority': cluster.caFile } }],
        users: [{ name: 'u', user: { tokenFile: 'token' } }],
      }),
    );
    const before = process.env['KUBECONFIG'];
    process.env['KUBECONFIG'] = kubeconfig;
    try {
      await renew();
      const runtime = createRuntime();
      expect((await runtime.exec('k8s:web', ['true'])).error).to.equal(null);
      // The server knows the first one no more.
      await renew();
      expect((await runtime.exec('k8s:web', ['true'])).error).to.equal(null);
      rmSync(tokenFile);
      expect((await runtime.exec('k8s:web', ['true'])).error).to.equal(null);
    } finally {
      if (before === undefined) delete process.env['KUBECONFIG'];
      else process.env['KUBECONFIG'] = before;
    }
  });
});
