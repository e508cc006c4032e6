/** Several clusters with guests of the same VMID: what `ps` calls one, and what hints call it, means no other. */
import { expect } from 'chai';

import { expectErrorLine } from '../methods/contract/result.ts';
import { USERS } from '../proxmox/api/clients.ts';
import { withLimit } from '../support/limits.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { openTlsServer } from '../support/tls-server.ts';
import { createLaptop } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';
import { documentOf } from './verb-call.ts';

function pinnedHost({ port, fingerprint }: { port: number; fingerprint: string }) {
  return { address: `127.0.0.1:${port}`, fingerprint };
}

describe('guests of several clusters', () => {
  let laptop: Laptop;
  let lab: Cluster;
  let contexts: Record<string, unknown>;

  before(async function () {
    needsApiDouble(this);
    laptop = await createLaptop({
      nodes: ['pve1'],
      containers: [
        { vmid: 101, hostname: 'web', kind: 'busybox' },
        { vmid: 102, hostname: 'db', kind: 'busybox' },
      ],
      users: USERS,
      sshNodes: ['pve1'],
    });
    lab = await createCluster({
      nodes: ['pve1'],
      containers: [{ vmid: 101, hostname: 'web', kind: 'busybox', running: true }],
      users: USERS,
      machines: [{ vmid: 300, name: 'windows', node: 'pve1' }],
    });
    contexts = { home: laptop.context(), lab: laptop.context({ hosts: lab.hosts.map(pinnedHost) }) };
    laptop.write(contexts, 'home');
  });

  after(async () => {
    await laptop?.close();
    await lab?.close();
  });

  async function quiet(...words: string[]): Promise<string[]> {
    const done = await laptop.cli(['ps', '-q', '-f', 'platform=proxmox', ...words]);
    expect(done.stderr.toString()).to.equal('');
    return done.stdout.toString().split('\n').slice(0, -1);
  }

  async function stateOf(word: string): Promise<unknown> {
    return documentOf('state', await laptop.cli(['state', '--json', word]))['status'];
  }

  it('are listed by words that mean one of them, whatever is current', async () => {
    expect(await quiet('-f', 'context=lab')).to.deep.equal(['pve:101@lab', 'vm:300@lab']);
    expect(await quiet('--context', 'lab')).to.deep.equal(['pve:101@lab', 'vm:300@lab']);
    expect(await quiet('-f', 'context=home')).to.deep.equal(['pve:101@home', 'pve:102@home']);
  });

  it('are stopped and started by these words, and those of the current context left alone', async () => {
    expect([await stateOf('pve:101@home'), await stateOf('pve:101@lab')]).to.deep.equal(['stopped', 'running']);
    for (const word of await quiet('-f', 'context=lab', '-f', 'type=lxc')) {
      const stopped = await laptop.cli(['stop', '--force', word]);
      expect([stopped.exitCode, stopped.stderr.toString()]).to.deep.equal([0, '']);
    }
    expect(await stateOf('pve:pve1/101@lab')).to.equal('stopped');
    const started = await laptop.cli(['start', 'pve:web@home']);
    expect(started.exitCode, started.stderr.toString()).to.equal(0);
    expect([await stateOf('pve:101'), await stateOf('pve:101@lab')]).to.deep.equal(['running', 'stopped']);
    const ran = await laptop.cli(['exec', 'pve:101@home', '--', 'hostname']);
    expect([ran.exitCode, ran.stdout.toString()], ran.stderr.toString()).to.deep.equal([0, '101\n']);
  });

  it('are called so in the hints of errors', async () => {
    const stopped = await laptop.cli(['exec', 'pve:102@home', '--', 'true']);
    expect(expectErrorLine(stopped.stderr, 'ContainerNotRunning')).to.match(/ start pve:102@home\s*$/);
    const named = await laptop.cli(['exec', '--context', 'home', '102', '--', 'true']);
    expect(expectErrorLine(named.stderr, 'ContainerNotRunning')).to.match(/ start pve:102@home\s*$/);
  });

  it('are not exchanged for others where a command is missing', async () => {
    const missing = await laptop.cli(['exec', '--context', 'lab', '--node', 'pve1', '101']);
    expect(expectErrorLine(missing.stderr, 'MissingCommand')).to.include('exec -it --context lab --node pve1 101;');
  });

  it('are not looked for in a context that there is not, nor in one that is left out', async () => {
    const unknown = await laptop.cli(['state', 'pve:101@attic']);
    expect(expectErrorLine(unknown.stderr, 'ConfigError')).to.match(/no context "attic".*home, lab/);
    const other = await laptop.cli(['stop', '--context', 'home', 'pve:101@lab']);
    expect(expectErrorLine(other.stderr, 'ConfigError')).to.match(/no context "lab" to be asked.*there are: home/);
  });

  it('are listed without those of a cluster that says nothing until --timeout is over', async () => {
    const silent = await openTlsServer(() => {});
    try {
      laptop.write({ ...contexts, attic: laptop.context({ hosts: [pinnedHost(silent)] }) }, 'home');
      const words = ['ps', '-f', 'context=lab', '--timeout'];
      let limit = '';
      const done = await withLimit(
        2000,
        (limitMs) => laptop.cli([...words, (limit = `${limitMs}ms`), '-q']),
        ({ stdout }) => stdout.length > 0,
      );
      expect([done.exitCode, done.stdout.toString()]).to.deep.equal([124, 'pve:101@lab\nvm:300@lab\n']);
      expect(expectErrorLine(done.stderr, 'ExecutionTimeout')).to.include('the cluster attic: there was no answer');
      const document = documentOf('ps', await laptop.cli([...words, limit, '--json']));
      expect((document['unreachable'] as { context: string }[]).map(({ context }) => context)).to.include('attic');
    } finally {
      laptop.write(contexts, 'home');
      await silent.close();
    }
  });

  it('are said to have their processes elsewhere', async () => {
    const listed = await laptop.cli(['ps', 'pve:101@lab']);
    expect(expectErrorLine(listed.stderr, 'NoMethodAvailable')).to.match(
      /101 \(web\) is a guest of the cluster lab, .* exec pve:101@lab -- ps\s*$/,
    );
    const machine = await laptop.cli(['ps', 'vm:300@lab']);
    expect(expectErrorLine(machine.stderr, 'NoMethodAvailable')).to.include('exec vm:300@lab -- ps');
  });

  it('are named so in detached executions', async () => {
    const started = await laptop.cli(['exec', '-d', 'pve:101@home', '--', 'hostname']);
    expect(started.exitCode, started.stderr.toString()).to.equal(0);
    const result = await laptop.cli(['result', '--wait', started.stdout.toString().trim()]);
    expect([result.exitCode, result.stdout.toString()], result.stderr.toString()).to.deep.equal([0, '101\n']);
  });
});
