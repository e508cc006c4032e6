/** What the completion scripts ask of us, and the verb that prints them. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { CLI, runCli } from '../methods/contract/cli.ts';
import { assertNothingNew, run, scratchDirectory, snapshotProcesses, startContainer, waitFor } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { USERS } from '../proxmox/api/clients.ts';
import { createLaptop } from './laptop-place.ts';
import type { Laptop } from './laptop-place.ts';
import { callJson } from './verb-call.ts';

/** The lines of an answer, each with its word and what is said of it. */
async function ask(words: readonly string[], env: Record<string, string>): Promise<[string, string][]> {
  const done = await runCli(['__complete', ...words], { env });
  expect([done.exitCode, done.stderr.toString()]).to.deep.equal([0, '']);
  const lines = done.stdout.toString().split('\n').slice(0, -1);
  return lines.map((line) => line.split('\t', 2) as [string, string]);
}

async function wordsOf(words: readonly string[], env: Record<string, string>): Promise<string[]> {
  return (await ask(words, env)).map(([word]) => word);
}

describe('completion', () => {
  it('prints the scripts, in both forms', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout, exitCode } = await runCli(['completion', shell]);
      expect(exitCode).to.equal(0);
      expect(stdout.toString()).to.include('proxmox-lxcri __complete');
      const { document } = await callJson(['completion', shell]);
      expect(document).to.deep.include({ shell, script: stdout.toString() });
    }
  });

  it('says which shells there are', async () => {
    for (const words of [[], ['tcsh']]) {
      const { stderr, exitCode } = await runCli(['completion', ...words]);
      expect(exitCode).to.equal(125);
      expect(stderr.toString()).to.match(/^proxmox-lxcri: UsageError: .*bash.*zsh.*fish/);
    }
  });
});

describe('what completion finds on this host', () => {
  let container: Container;
  let env: Record<string, string>;

  const PASSWD = [
    'root:x:0:0::/:/bin/sh',
    'www-data:x:33:33::/:',
    'a b:x:1:1::/:',
    '$(id):x:2:2::/:',
    '-x:x:3:3::/:',
    '',
  ];

  before(async () => {
    container = await startContainer({ kind: 'busybox', files: { '/etc/passwd': PASSWD.join('\n') } });
    const folder = scratchDirectory();
    const pve = createPveTree({
      node: 'pve1',
      containers: [
        { vmid: 7101, hostname: 'alpha' },
        { vmid: 7102, hostname: 'twice' },
        { vmid: 7103, hostname: 'twice' },
        { vmid: 7104, hostname: '$(reboot)' },
        { vmid: 7105, hostname: 'away', node: 'pve2' },
      ],
    });
    const id = '01234567-89ab-cdef-0123-456789abcdef';
    const execution = join(folder, 'executions', id);
    mkdirSync(execution, { recursive: true });
    const command = ['echo', '\u001b[31m\nred'];
    writeFileSync(join(execution, 'request.json'), JSON.stringify({ container: 'web', command, startedAt: '' }));
    env = {
      PROXMOX_LXCRI_CONTEXTS: '/dev/null',
      PROXMOX_LXCRI_PVE_DIR: pve.dir,
      PROXMOX_LXCRI_STATE_DIR: folder,
    };
  });

  after(() => container?.destroy());

  it('is each container by its id and name, and not by a name that two have, or that none can have', async () => {
    const found = await ask(['containers', '', '', ''], env);
    const own = found.filter(([word]) => word.startsWith('7') || /[a-z]/.test(word));
    const words = own.map(([word]) => word);
    expect(words).to.include.members(['7101', 'alpha', '7102', '7103', '7104', container.name]);
    expect(words).not.to.include('twice');
    expect(words.join('')).not.to.match(/[$(]|pve:alpha/);
    expect(new Map(found).get(container.name)).to.equal('running');
    expect(new Map(found).get('alpha')).to.equal('7101, stopped');
  });

  it('is a reference with a scheme as soon as something is typed', async () => {
    const words = await wordsOf(['containers', 'p', '', ''], env);
    expect(words).to.include.members(['pve:7101', 'pve:alpha', `lxc:${container.name}`]);
    expect(words.join(' ')).not.to.include('pve:pve1/');
    expect(await wordsOf(['containers', 'pve:pve1/', '', ''], env)).to.include('pve:pve1/7101');
    expect(await wordsOf(['host-containers', 'lxc:/', '', ''], env)).to.include(
      `lxc:${container.lxcpath}/${container.name}`,
    );
  });

  it('is a container of another node for who can run a command there', async () => {
    expect(await wordsOf(['containers', '', '', ''], env)).not.to.include('away');
    const found = new Map(await ask(['containers-of-nodes', '', '', ''], env));
    expect([found.get('away'), found.get('alpha')]).to.deep.equal(['7105, on pve2', '7101, stopped']);
  });

  it('is a user of the container, if a call would take the name', async () => {
    // A busy machine may need longer than a user would wait.
    const found = await waitFor(
      async () => {
        const users = await ask(['users', '', '', container.name], env);
        return users.length > 0 && users;
      },
      { what: 'the users of the container' },
    );
    expect(found).to.deep.equal([
      ['root', '0'],
      ['www-data', '33'],
    ]);
    for (const asked of [
      ['users', '', '', ''],
      ['users', '', '', '7101'],
      ['users', '', '', 'no-such'],
      ['users', 'root:', '', container.name],
    ])
      expect(await ask(asked, env), asked.join(' ')).to.deep.equal([]);
  });

  it('is none for a container whose users cannot be read to the end, and leaves nothing in it', async () => {
    const other = await startContainer({ kind: 'busybox' });
    try {
      const change = 'rm -f /etc/passwd; mkfifo /etc/passwd';
      expect((await runCli(['exec', other.name, '--', 'sh', '-c', change], { env })).exitCode).to.equal(0);
      const before = await snapshotProcesses(other);
      expect(await ask(['users', '', '', other.name], env)).to.deep.equal([]);
      await assertNothingNew(other, before);
    } finally {
      await other.destroy();
    }
  });

  it('is a node, an execution, and nothing for what it does not know', async () => {
    expect(await wordsOf(['nodes', '', '', ''], env)).to.have.members(['pve1', 'pve2']);
    const [execution] = await ask(['executions', '', '', ''], env);
    expect(execution).to.deep.equal([
      '01234567-89ab-cdef-0123-456789abcdef',
      String.raw`lost, in web: echo '\u001b[31m\u000ared'`,
    ]);
    expect(await wordsOf(['targets', '', '', ''], env)).to.include.members(['alpha', execution?.[0] ?? '']);
    for (const words of [[], ['toString'], ['no-such-kind', '', '', '']])
      expect(await ask(words, env)).to.deep.equal([]);
  });

  it('is nothing, without a word, where the configuration is wrong', async () => {
    const wrong = { ...env, PROXMOX_LXCRI_TIMEOUT: 'soon', PROXMOX_LXCRI_CONTEXTS: 'relative' };
    for (const kind of ['containers', 'contexts', 'nodes', 'executions', 'users'])
      expect(await ask([kind, '', '', 'web'], wrong), kind).to.deep.equal([]);
  });
});

describe('what completion finds in clusters', () => {
  let laptop: Laptop;
  let alone: Record<string, string>;

  before(async function () {
    needsApiDouble(this);
    laptop = await createLaptop({
      nodes: ['pve1', 'pve2'],
      containers: [
        { vmid: 7201, hostname: 'near', kind: 'busybox' },
        { vmid: 7202, hostname: 'far', node: 'pve2', kind: 'busybox' },
      ],
      machines: [{ vmid: 7300, name: 'windows', node: 'pve2' }],
      users: USERS,
      sshNodes: [],
    });
    alone = { ...laptop.env, PROXMOX_LXCRI_PVE_DIR: scratchDirectory() };
  });

  after(() => laptop?.close());

  /** Those of the cluster, whatever else this host has. */
  async function ofCluster(...words: string[]): Promise<[string, string][]> {
    return (await ask(words, alone)).filter(([, note]) => note.endsWith(' of home'));
  }

  it('is what was told last, when nobody answers, and without a word of that', async () => {
    laptop.write({ home: laptop.context({ bare: true }) });
    expect((await runCli(['ps', '--context', 'home'], { env: alone })).exitCode).to.equal(0);
    const file = join(laptop.folder, 'state/guests/home.json');
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { askedAt: number };
    writeFileSync(file, JSON.stringify({ ...kept, askedAt: Date.now() - 3_600_000 }), { mode: 0o600 });
    await laptop.cluster.close();
    expect(await ofCluster('containers', '', '', '')).to.deep.equal([
      ['7201', 'near, stopped, on pve1, of home'],
      ['near', '7201, stopped, on pve1, of home'],
      ['7202', 'far, stopped, on pve2, of home'],
      ['far', '7202, stopped, on pve2, of home'],
      ['7300', 'windows, stopped, a virtual machine, on pve2, of home'],
      ['windows', '7300, stopped, a virtual machine, on pve2, of home'],
    ]);
    expect(await wordsOf(['nodes', '', 'home', ''], alone)).to.have.members(['pve1', 'pve2']);
    expect((await ofCluster('containers', 'vm:', 'home', '')).map(([word]) => word)).to.include('vm:windows');
  });

  it('has a scheme where a word alone does not mean a container of the cluster', async () => {
    laptop.write({ home: laptop.context() });
    const words = (await ofCluster('containers', '', '', '')).map(([word]) => word);
    expect(words).to.deep.equal(['pve:7201', 'pve:near', 'pve:7202', 'pve:far', 'vm:7300', 'vm:windows']);
    // A guest of one that is not the current one has a name nevertheless.
    laptop.write({ home: laptop.context(), other: laptop.context() }, 'other');
    const qualified = (await ofCluster('containers', '', '', '')).map(([word]) => word);
    expect(qualified).to.deep.equal(
      ['pve:7201', 'pve:near', 'pve:7202', 'pve:far', 'vm:7300', 'vm:windows'].map((word) => `${word}@home`),
    );
  });

  it('is asked for without running what asks for a secret', async () => {
    const trace = join(laptop.folder, 'asked');
    laptop.write({ home: laptop.context({ tokenFile: undefined, tokenCommand: ['touch', trace] }) });
    await ask(['containers', '', 'home', ''], alone);
    expect(existsSync(trace)).to.equal(false);
  });

  it('is forgotten with the context', async () => {
    laptop.write({ home: laptop.context() });
    expect((await runCli(['context', 'remove', 'home'], { env: alone })).exitCode).to.equal(0);
    expect(existsSync(join(laptop.folder, 'state/guests/home.json'))).to.equal(false);
  });
});

describe('completion without a name server', () => {
  it('does not wait for its answer', async () => {
    const folder = scratchDirectory();
    const contexts = join(folder, 'contexts.yaml');
    const home = { hosts: ['pve1.invalid-name.example'], token: 'root@pam!cli', tokenVariable: 'TOKEN' };
    writeFileSync(contexts, JSON.stringify({ contexts: { home } }), { mode: 0o600 });
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:30 attempts:2\n');
    writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: dns\n');
    // In a network of its own, where somebody listens as a name server, and says nothing.
    const script = `
      ip link set lo up && mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
      exec 3<>/dev/null; "$2" -e 'require("dgram").createSocket("udp4").bind(53, "127.0.0.1", () => console.log("there"))' >"$1/there" &
      while [ ! -s "$1/there" ]; do sleep 0.05; done
      "$3" __complete containers "" home ""; echo "code $?"; date +%s%N >"$1/end"
      kill $!`;
    const begin = Date.now();
    const { stdout, stderr } = await run(['unshare', '-mn', 'sh', '-c', script, 'sh', folder, process.execPath, CLI], {
      env: {
        PATH: process.env['PATH'],
        TOKEN: 'secret',
        PROXMOX_LXCRI_CONFIG: '/dev/null',
        PROXMOX_LXCRI_CONTEXTS: contexts,
        PROXMOX_LXCRI_STATE_DIR: folder,
      },
      timeoutMs: 100_000,
    });
    expect([stdout, stderr]).to.deep.equal(['code 0\n', '']);
    // Its silence lasts a minute.
    expect(Date.now() - begin).to.be.below(25_000);
  });
});
