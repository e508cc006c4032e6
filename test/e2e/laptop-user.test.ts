/** The verbs for somebody who is not root: with a context and an ssh key, nothing here needs it. */
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import type { CliResult } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { TOKEN_SECRET, USERS } from '../proxmox/api/clients.ts';
import { run } from '../support/lxc.ts';
import { must } from '../support/run.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { endSharedConnections } from '../support/shared-connections.ts';
import { createLaptop, sshOptions } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';

const NOBODY = 65_534;

/** The capability only for the tests' own folders, which may be ones that others cannot enter. */
const AS_NOBODY = `setpriv --reuid ${NOBODY} --regid ${NOBODY} --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search`;

type Done = Pick<CliResult, 'exitCode' | 'stdout' | 'stderr'>;

describe('from a laptop, as somebody who is not root', () => {
  let laptop: Laptop;
  let home: string;

  before(async function () {
    needsApiDouble(this);
    laptop = await createLaptop({
      nodes: ['pve1', 'pve2'],
      containers: [
        { vmid: 102, hostname: 'db', kind: 'busybox' },
        { vmid: 201, hostname: 'far', node: 'pve2', kind: 'busybox', running: true },
      ],
      users: USERS,
      settings: { refusalMs: 300 },
      sshNodes: ['pve2'],
    });
    home = scratchDirectory();
    const folder = join(home, '.config/proxmox-lxcri');
    mkdirSync(join(folder, 'tokens'), { recursive: true, mode: 0o700 });
    mkdirSync(join(home, 'run'), { mode: 0o700 });
    const server = laptop.servers.get('pve2');
    if (server === undefined) throw new Error('no server');
    copyFileSync(server.identityFile, join(home, 'key'));
    chmodSync(join(home, 'key'), 0o600);
    copyFileSync(join(laptop.folder, 'known_hosts'), join(home, 'known_hosts'));
    writeFileSync(join(folder, 'tokens/home'), TOKEN_SECRET, { mode: 0o600 });
    const options = sshOptions(
      { port: server.port, identityFile: join(home, 'key') },
      'pve2',
      join(home, 'known_hosts'),
    );
    const context = laptop.context({
      bare: true,
      tokenFile: join(folder, 'tokens/home'),
      ssh: { nodes: { pve2: { destination: `root@${server.address}`, options } } },
    });
    writeFileSync(join(folder, 'contexts.yaml'), JSON.stringify({ contexts: { home: context } }), { mode: 0o600 });
    await must(['chown', '-R', `${NOBODY}:${NOBODY}`, home]);
  });

  after(async () => {
    if (home !== undefined) await endSharedConnections(home);
    await laptop?.close();
  });

  async function cli(...words: string[]): Promise<Done> {
    const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: join(home, 'run') };
    const done = await run(['sh', '-c', `cd / && exec ${AS_NOBODY} "$0" "$@"`, CLI, ...words], { env });
    return { exitCode: done.exitCode, stdout: Buffer.from(done.stdout), stderr: Buffer.from(done.stderr) };
  }

  const succeeds = async (...words: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await cli(...words);
    expect([exitCode, stderr.toString()], words.join(' ')).to.deep.equal([0, '']);
    return stdout.toString();
  };

  it('lists, starts, shows and stops', async () => {
    expect(await succeeds('ps', '-q')).to.equal('102\n201\n');
    expect(await succeeds('start', 'db')).to.equal('102 (db) started\n');
    expect(JSON.parse(await succeeds('state', '102'))).to.deep.include({ id: '102', status: 'running' });
    expect(await succeeds('stop', '--force', '102')).to.equal('102 (db) killed\n');
  });

  it('runs a command over ssh, as root there', async () => {
    const done = await cli('exec', 'far', '--', 'sh', '-c', 'id -u; echo err >&2; exit 42');
    expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([42, '0\n', 'err\n']);
  });

  it('detaches one, looks at it and ends it', async () => {
    const id = (await succeeds('exec', '-d', '201', '--', 'sleep', '7304')).trim();
    expect(await succeeds('result')).to.include(id.slice(0, 8));
    expect(await succeeds('kill', id, 'KILL')).to.include(id);
    expect(resultOf(await cli('result', id, '--json', '--wait'))).to.deep.include({ exitCode: 137 });
  });

  it('needs root for the containers of this host, and says so', async () => {
    for (const words of [
      ['exec', 'lxc:web', '--', 'true'],
      ['exec', '-d', 'lxc:web', '--', 'true'],
      ['start', 'lxc:web'],
      ['state', 'lxc:web'],
    ]) {
      const { exitCode, stderr } = await cli(...words);
      expect(exitCode).to.equal(125);
      expect(expectErrorLine(stderr, 'PermissionDenied')).to.include('root');
    }
  });

  it('is told how to name a container of a cluster that words without a scheme do not mean', async () => {
    const file = join(home, '.config/proxmox-lxcri/contexts.yaml');
    const bare = readFileSync(file, 'utf8');
    writeFileSync(file, bare.replace('"bare":true', '"bare":false'));
    try {
      const { exitCode, stderr } = await cli('state', 'far');
      expect(exitCode).to.equal(125);
      expect(expectErrorLine(stderr, 'PermissionDenied')).to.include('sudo').and.to.include('pve:far@CONTEXT');
      expect(JSON.parse(await succeeds('state', 'pve:far'))).to.deep.include({ id: '201' });
    } finally {
      writeFileSync(file, bare);
    }
  });

  it('keeps what is theirs to themselves', () => {
    const all = readdirSync(home, { recursive: true, encoding: 'utf8' });
    const open = all.filter((path) => {
      const { uid, mode } = lstatSync(join(home, path));
      return uid !== NOBODY || (mode & 0o022) !== 0;
    });
    expect(open).to.deep.equal([]);
    for (const folder of ['.local/state/proxmox-lxcri/executions', 'run/proxmox-lxcri-ssh'])
      expect(lstatSync(join(home, folder)).mode & 0o777, folder).to.equal(0o700);
  });
});
