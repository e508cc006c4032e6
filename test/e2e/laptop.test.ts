/** From a computer that has nothing but a context: the API says where a container is, ssh runs the command there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { CliOptions } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { run } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { createLaptop } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';

describe('from a laptop', () => {
  let laptop: Laptop;

  before(async function () {
    needsApiDouble(this);
    laptop = await createLaptop({
      nodes: ['pve1', 'pve2'],
      containers: [
        { vmid: 102, hostname: 'db', kind: 'busybox' },
        { vmid: 201, hostname: 'far', node: 'pve2', kind: 'busybox', running: true },
        { vmid: 202, hostname: 'off', node: 'pve2', kind: 'busybox' },
        { vmid: 203, hostname: 'mold', node: 'pve2', template: true },
      ],
      machines: [{ vmid: 300, name: 'windows', node: 'pve2', running: true }],
      users: USERS,
      settings: { refusalMs: 300 },
      sshNodes: ['pve2'],
    });
  });

  after(() => laptop?.close());

  const cli = (words: readonly string[], options?: CliOptions) => laptop.cli(words, options);
  const exec = (...words: string[]) => cli(['exec', '--context', 'home', ...words]);

  it('ps, start 102, and exec 201 on another node', async () => {
    const listed = await cli(['ps', '--context', 'home', '-q']);
    expect(listed.stdout.toString()).to.equal('pve:102@home\npve:201@home\npve:202@home\npve:203@home\nvm:300@home\n');
    const started = await cli(['start', '--context', 'home', '102']);
    expect(started.stdout.toString()).to.equal('102 (db) started\n');
    const done = await exec('201', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42');
    expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
  });

  it('tells in the result where it ran, and keeps arguments and streams', async () => {
    const words = ['a b', '$HOME', "it's", '', '*', 'ü€', '--'];
    const result = resultOf(await exec('--json', 'far', '--', 'printf', '%s|', ...words));
    expect(result).to.deep.include({ exitCode: 0, stdout: words.map((word) => `${word}|`).join('') });
    expect(result.container).to.deep.equal({ id: '201', name: 'far', platform: 'proxmox', node: 'pve2' });
    const input = await cli(['exec', '--context', 'home', 'pve:pve2/201', '-i', '--', 'cat'], {
      stdin: 'bytes\0\n',
    });
    expect(input.stdout.toString()).to.equal('bytes\0\n');
  });

  it('ends what a timeout ends', async () => {
    const result = await withLimit(
      1000,
      async (limitMs) => resultOf(await exec('--json', '--timeout', `${limitMs}ms`, '201', '--', 'sleep', '7301')),
      ({ started }) => started,
    );
    expect(result).to.deep.include({ exitCode: 124, timedOut: true, treeKill: true });
    expect((await run(['pgrep', '-f', 'sleep 7301'])).stdout).to.equal('');
  });

  it('says what is wrong before anything is started', async () => {
    for (const [code, part, ...words] of [
      ['ContainerNotRunning', 'proxmox-lxcri start', '202'],
      ['NoMethodAvailable', 'QEMU', 'vm:300'],
      ['ContainerNotFound', 'home', '999'],
      ['PlatformUnreachable', 'pve1', '102'],
      ['ContainerNotRunning', 'template', '203'],
    ] as const) {
      const done = await exec(...words, '--', 'true');
      expect(done.exitCode, words.join(' ')).to.equal(125);
      expect(expectErrorLine(done.stderr, code)).to.include(part);
    }
  });

  describe('detached', () => {
    it('starts, and tells the result and the container later', async () => {
      const id = (await exec('-d', 'far', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42')).stdout
        .toString()
        .trim();
      const done = await cli(['result', id, '--wait']);
      expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, 'out\n', 'err\n']);
      const result = resultOf(await cli(['result', id, '--json']));
      expect(result.container).to.deep.equal({ id: '201', name: 'far', platform: 'proxmox', node: 'pve2' });
    });

    it("finds a word without a scheme, and takes secrets from the caller's variables, which nobody else sees", async () => {
      const secret = { LAPTOP_TOKEN: TOKEN_SECRET };
      laptop.write({ home: laptop.context({ bare: true, tokenFile: undefined, tokenVariable: 'LAPTOP_TOKEN' }) });
      try {
        const started = await cli(['exec', '-d', 'far', '--', 'sleep', '7302'], { env: secret });
        expect([started.exitCode, started.stderr.toString()]).to.deep.equal([0, '']);
        const id = started.stdout.toString().trim();
        const { pid } = JSON.parse(readFileSync(join(laptop.folder, 'state/executions', id, 'supervisor'), 'utf8')) as {
          pid: number;
        };
        expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.to.include(TOKEN_SECRET);
        // Eight digits would be a VMID.
        const killed = await cli(['kill', id.slice(0, 13)], { env: secret });
        expect([killed.exitCode, killed.stderr.toString()]).to.deep.equal([0, '']);
        const result = resultOf(await cli(['result', id, '--wait', '--json']));
        expect(result).to.deep.include({ exitCode: 143, treeKill: true });
        expect((await run(['pgrep', '-f', 'sleep 7302'])).stdout).to.equal('');
      } finally {
        laptop.write({ home: laptop.context({ bare: true }) });
      }
    });

    it('trusts the authorities that the caller trusts', async () => {
      const { port, caFile } = laptop.cluster.host('pve1');
      const authorities = { NODE_EXTRA_CA_CERTS: caFile };
      laptop.write({ home: laptop.context({ bare: true, hosts: [`127.0.0.1:${port}`] }) });
      try {
        const refused = await exec('-d', 'far', '--', 'true');
        expect(expectErrorLine(refused.stderr, 'PlatformUnreachable')).to.include('certificate');
        const started = await cli(['exec', '-d', 'far', '--', 'true'], { env: authorities });
        expect([started.exitCode, started.stderr.toString()]).to.deep.equal([0, '']);
        expect((await cli(['result', started.stdout.toString().trim(), '--wait'])).exitCode).to.equal(0);
      } finally {
        laptop.write({ home: laptop.context({ bare: true }) });
      }
    });

    it('is not taken for a guest that cannot be asked about: the whole id is clear', async () => {
      const id = (await exec('-d', 'far', '--', 'sleep', '7303')).stdout.toString().trim();
      await laptop.cluster.setNodeOffline('pve1');
      try {
        const refused = await cli(['kill', id.slice(0, 13)]);
        expect(expectErrorLine(refused.stderr, 'PlatformUnreachable')).to.include('write its whole id');
        expect((await cli(['kill', id, 'KILL'])).exitCode).to.equal(0);
      } finally {
        await laptop.cluster.setNode('pve1', 'online');
      }
    });

    it('says what is wrong before anything is started, and keeps nothing', async () => {
      const before = (await cli(['result'])).stdout.toString();
      for (const [code, ...words] of [
        ['ContainerNotRunning', '-d', '202'],
        ['ContainerNotFound', '-d', '999'],
        ['PlatformUnreachable', '-d', '102'],
      ] as const) {
        const done = await exec(...words, '--', 'true');
        expect(done.exitCode, words.join(' ')).to.equal(125);
        expectErrorLine(done.stderr, code);
      }
      expect((await cli(['result'])).stdout.toString()).to.equal(before);
    });
  });

  it('a hook asks no contexts, and says so', async () => {
    const state = { ociVersion: '1.2.0', id: 'x', status: 'created', pid: 1, bundle: '/', annotations: { to: 'far' } };
    const done = await cli(['hook', '--container-annotation', 'to', '--', 'true'], { stdin: JSON.stringify(state) });
    expect(done.exitCode).to.equal(125);
    expect(expectErrorLine(done.stderr, 'ContainerNotFound')).to.include('asks no contexts');
  });
});
