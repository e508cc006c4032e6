/** From a computer that has nothing but a context: the API says where a container is, ssh runs the command there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { runCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { run } from '../support/lxc.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';

describe('from a laptop', () => {
  let cluster: Cluster;
  let sshd: Sshd;
  let env: Record<string, string>;
  let controls: string;

  before(async function () {
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      containers: [
        { vmid: 102, hostname: 'db', kind: 'busybox' },
        { vmid: 201, hostname: 'far', node: 'pve2', kind: 'busybox', running: true },
        { vmid: 202, hostname: 'off', node: 'pve2', kind: 'busybox' },
      ],
      machines: [{ vmid: 300, name: 'windows', node: 'pve2', running: true }],
      users: USERS,
      settings: { refusalMs: 300 },
    });
    sshd = await startSshd({ prefix: await cluster.node('pve2').world.prefix() });
    const folder = scratchDirectory();
    controls = folder;
    writeFileSync(join(folder, 'secret'), TOKEN_SECRET, { mode: 0o600 });
    writeFileSync(join(folder, 'known_hosts'), `pve2 ${sshd.hostKey}\n`);
    const options = ['-p', String(sshd.port), '-i', sshd.identityFile, '-F', '/dev/null'].concat(
      ['HostKeyAlias=pve2', `UserKnownHostsFile=${folder}/known_hosts`, 'IdentitiesOnly=yes'].flatMap((option) => [
        '-o',
        option,
      ]),
    );
    const { port, fingerprint } = cluster.host('pve1');
    const context = {
      hosts: [{ address: `127.0.0.1:${port}`, fingerprint }],
      token: 'root@pam!full',
      tokenFile: join(folder, 'secret'),
      bare: true,
      ssh: { nodes: { pve2: { destination: `root@${sshd.address}`, options } } },
    };
    const file = join(folder, 'contexts.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ contexts: { home: context } }), { mode: 0o600 });
    env = {
      PROXMOX_LXCRI_CONTEXTS: file,
      PROXMOX_LXCRI_CONFIG: '/dev/null',
      PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
      PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
    };
  });

  after(async () => {
    // Shared connections outlive a call for a while.
    const { stdout } = await run(['ps', '-eo', 'pid=,args=']);
    for (const line of stdout.split('\n').filter((each) => each.includes(controls) && each.includes('ssh')))
      process.kill(Number(line.trim().split(' ')[0]), 'SIGTERM');
    await sshd?.stop();
    await cluster?.close();
  });

  const exec = (...words: string[]) => runCli(['exec', '--context', 'home', ...words], { env });

  it('ps, start 102, and exec 201 on another node', async () => {
    const listed = await runCli(['ps', '--context', 'home', '-q'], { env });
    expect(listed.stdout.toString()).to.equal('102\n201\n202\n300\n');
    const started = await runCli(['start', '--context', 'home', '102'], { env });
    expect(started.stdout.toString()).to.equal('102 (db) started\n');
    const done = await exec('201', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42');
    expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
  });

  it('tells in the result where it ran, and keeps arguments and streams', async () => {
    const words = ['a b', '$HOME', "it's", '', '*', 'ü€', '--'];
    const result = resultOf(await exec('--json', 'far', '--', 'printf', '%s|', ...words));
    expect(result).to.deep.include({ exitCode: 0, stdout: words.map((word) => `${word}|`).join('') });
    expect(result.container).to.deep.equal({ id: '201', name: 'far', platform: 'proxmox', node: 'pve2' });
    const input = await runCli(['exec', '--context', 'home', 'pve:pve2/201', '-i', '--', 'cat'], {
      env,
      stdin: 'bytes\0\n',
    });
    expect(input.stdout.toString()).to.equal('bytes\0\n');
  });

  it('ends what a timeout ends', async () => {
    const result = resultOf(await exec('--json', '--timeout', '1s', '201', '--', 'sleep', '7301'));
    expect(result).to.deep.include({ exitCode: 124, timedOut: true, treeKill: true });
    expect((await run(['pgrep', '-f', 'sleep 7301'])).stdout).to.equal('');
  });

  it('says what is wrong before anything is started', async () => {
    for (const [code, part, ...words] of [
      ['ContainerNotRunning', 'proxmox-lxcri start', '202'],
      ['NoMethodAvailable', 'QEMU', 'vm:300'],
      ['ContainerNotFound', 'home', '999'],
      ['PlatformUnreachable', 'pve1', '102'],
      ['UsageError', '--context', '-d', '201'],
    ] as const) {
      const done = await exec(...words, '--', 'true');
      expect(done.exitCode, words.join(' ')).to.equal(125);
      expect(expectErrorLine(done.stderr, code)).to.include(part);
    }
  });
});
