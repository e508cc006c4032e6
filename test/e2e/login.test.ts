/** login and logout without a terminal, against the double of the API. */
import { once } from 'node:events';
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import { PASSWORD, TOKEN_SECRET, USERS, takeRequests } from '../proxmox/api/clients.ts';
import { OPEN, startCli } from '../methods/contract/cli.ts';
import { documentErrors } from '../model/schema.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { httpAnswer, openTlsServer } from '../support/tls-server.ts';
import { waitFor } from '../support/wait-for.ts';
import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const OTHER_PIN = Array.from({ length: 32 }, () => 'AB').join(':');
const TOKEN = ['--token', 'root@pam!full', '--token-stdin'];
const USER = ['--user', 'root@pam', '--password-stdin'];

describe('login', () => {
  let cluster: Cluster;
  let place: LoginPlace;
  let server: string;
  let pin: string[];
  let ca: string[];

  before(async () => {
    cluster = await createCluster({
      nodes: ['pve1', 'pve2'],
      users: { ...USERS, 'poor@pve': { password: PASSWORD } },
      settings: { refusalMs: 300 },
    });
    const [{ port, fingerprint, caFile }] = cluster.hosts as [Cluster['hosts'][0]];
    server = `127.0.0.1:${port}`;
    pin = ['--fingerprint', fingerprint];
    ca = ['--ca-file', caFile];
  });

  after(() => cluster.close());

  beforeEach(async () => {
    place = loginPlace();
    for (const { node } of cluster.hosts) await cluster.setNode(node, 'online');
    takeRequests(cluster);
  });

  it('keeps what may run commands over the API, until that is said anew', async () => {
    const login = (...words: string[]) =>
      place.document('login', ['login', 'home', '--host', server, ...pin, ...USER, ...words], { stdin: PASSWORD });
    const routes = async () =>
      ((await place.document('context-show', ['context', 'show']))['context'] as { routes: string[] }).routes;
    expect(await login('--route', 'console,node-shell', '--route', 'console')).to.deep.include({
      routes: ['node-shell', 'console'],
    });
    expect(await routes()).to.deep.equal(['node-shell', 'console']);
    expect(await login()).to.deep.include({ routes: ['node-shell', 'console'] });
    expect(await login('--route', 'none')).to.deep.include({ routes: [] });
    expect(await routes()).to.deep.equal([]);
    expect(await place.refusal('UsageError', ['login', 'home', '--route', 'ssh'])).to.include('--route');
  });

  it('promises a shell of a node to nobody who can never have one', async () => {
    const call = ['login', 'home', '--host', server, ...pin];
    const tokenCall = [...call, ...TOKEN];
    for (const [words, who] of [
      [tokenCall, 'no token'],
      [[...call, '--user', 'poor@pve', '--password-stdin'], 'poor@pve'],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const line = await place.refusal('UsageError', [...words, '--route', 'console,node-shell'], { stdin: 'secret' });
      expect(line).to.include(who).and.to.include('--user root@pam');
    }
    expect(place.kept()).to.deep.equal([]);
    const root = await place.cli([...call, ...USER, '--route', 'console,node-shell'], { stdin: PASSWORD });
    expect(root.stdout.toString())
      .to.include('open the shell of a node\n')
      .and.to.include('commands may run over its API by: node-shell, console\n')
      .and.not.to.include('never works');
    // The routes stay as they are for whoever comes next.
    const token = await place.cli(tokenCall, { stdin: TOKEN_SECRET });
    expect([token.exitCode, token.stderr.toString()]).to.deep.equal([0, '']);
    expect(token.stdout.toString())
      .to.include('see guests')
      .and.to.include('commands may run over its API by: console\nnode-shell is enabled, and never works: ')
      .and.not.to.include('open the shell of a node');
  });

  it('stores a context with a token, whose secret is where only the user can read it', async () => {
    const document = await place.document('login', ['login', 'home', '--host', server, ...pin, ...TOKEN, '--bare'], {
      stdin: `${TOKEN_SECRET}\n`,
    });
    expect(document).to.deep.include({ context: 'home', server, identity: 'root@pam!full' });
    expect(document['permissions']).to.have.property('/').that.includes('VM.PowerMgmt');
    expect(place.kept()).to.deep.equal(['contexts.yaml 600', 'tokens 700', 'tokens/home 600']);
    expect(readFileSync(join(place.folder, 'tokens/home'), 'utf8')).to.equal(`${TOKEN_SECRET}\n`);
    expect(readFileSync(place.file, 'utf8')).not.to.include(TOKEN_SECRET);
    const shown = await place.document('context-show', ['context', 'show']);
    expect(shown['context']).to.deep.include({
      current: true,
      token: 'root@pam!full',
      secret: { kind: 'file', source: join(place.folder, 'tokens/home') },
      bare: true,
      hosts: [{ host: '127.0.0.1', port: Number(server.split(':')[1]), fingerprint: pin[1] }],
    });
  });

  it('stores the ticket that a password gives, and never the password', async () => {
    const done = await place.cli(['login', '--host', server, ...ca, ...USER], { stdin: PASSWORD });
    expect(done.stderr.toString()).to.equal('');
    expect(done.stdout.toString()).to.match(
      /^127\.0\.0\.1: logged in to 127.0.0.1:\d+ \(Proxmox VE 9\S+\) as root@pam\n/,
    );
    expect(done.stdout.toString()).to.include('it may, at /: see guests, start and stop them');
    expect(place.kept()).to.deep.equal([
      'contexts.yaml 600',
      'state 700',
      'state/tickets 700',
      'state/tickets/127.0.0.1.json 600',
    ]);
    expect(place.contents()).to.include('PVE:root@pam:').and.not.to.include(PASSWORD);
    const shown = await place.document('context-show', ['context', 'show', '127.0.0.1']);
    expect(shown['context']).to.deep.include({ user: 'root@pam', secret: null });
    const { ticketUntil } = shown['context'] as { ticketUntil: string };
    expect(Date.parse(ticketUntil) - Date.now()).to.be.within(7_000_000, 7_200_000);
  });

  it('says when there is nothing that one may do', async () => {
    const done = await place.cli(['login', '--host', server, ...ca, '--user', 'poor@pve', '--password-stdin'], {
      stdin: PASSWORD,
    });
    expect(done.exitCode).to.equal(0);
    expect(done.stdout.toString()).to.include('it may do nothing with guests yet');
  });

  it('logs in again to a context as it is, and keeps what was written by hand', async () => {
    await place.cli(['login', 'home', '--host', server, ...pin, ...TOKEN], { stdin: TOKEN_SECRET });
    const text = readFileSync(place.file, 'utf8').replace('  home:', '  # the cellar\n  home:\n    ssh: {sudo: true}');
    writeFileSync(place.file, text);
    await place.document('login', ['login', '--token-stdin'], { stdin: TOKEN_SECRET });
    expect(readFileSync(place.file, 'utf8')).to.equal(text);
    await place.document('login', ['login', 'home', ...USER], { stdin: PASSWORD });
    const changed = readFileSync(place.file, 'utf8');
    expect(changed).to.include('# the cellar').and.to.include('ssh: {').and.to.include('user: root@pam');
    expect(changed).not.to.include('token');
  });

  it('takes a secret from where the user keeps it, and leaves it there', async () => {
    const [, port] = server.split(':');
    writeFileSync(
      place.file,
      `contexts: {home: {hosts: ["127.0.0.1:${port}"], caFile: ${ca[1]}, user: root@pam, passwordVariable: PW}}\n`,
    );
    const text = readFileSync(place.file, 'utf8');
    await place.document('login', ['login', 'home'], { env: { PW: PASSWORD } });
    expect(readFileSync(place.file, 'utf8')).to.equal(text);
    expect(place.kept()).to.include('state/tickets/home.json 600');
  });

  describe('refuses with one line, and stores nothing:', () => {
    afterEach(() => {
      expect(
        place.kept().filter((path) => !path.startsWith('contexts.yaml') && !path.startsWith('secret')),
      ).to.deep.equal([]);
    });

    it('a certificate that nobody vouches for, with what pins it', async () => {
      const words = ['login', '--host', server, ...TOKEN];
      const line = await place.refusal('PlatformUnreachable', words, { stdin: TOKEN_SECRET });
      expect(line).to.include('is not trusted').and.to.include(`--fingerprint ${pin[1]}`);
      expect(takeRequests(cluster)).to.deep.equal([]);
    });

    it('a certificate that is not the pinned one', async () => {
      const words = ['login', '--host', server, '--fingerprint', OTHER_PIN, ...TOKEN];
      const line = await place.refusal('PlatformUnreachable', words, { stdin: TOKEN_SECRET });
      expect(line).to.include('is not the pinned one').and.to.include(pin[1]);
      expect(takeRequests(cluster)).to.deep.equal([]);
    });

    it('a wrong password, and a wrong secret, which it does not show', async () => {
      const password = await place.refusal('AuthenticationFailed', ['login', '--host', server, ...pin, ...USER], {
        stdin: 'hunter2',
      });
      expect(password).to.include('root@pam cannot log in').and.not.to.include('hunter2');
      const token = await place.refusal('AuthenticationFailed', ['login', '--host', server, ...pin, ...TOKEN], {
        stdin: 'hunter2',
      });
      expect(token).to.include('root@pam!full').and.not.to.include('hunter2');
    });

    it('a second factor that nobody can be asked for', async () => {
      const words = ['login', '--host', server, ...pin, '--user', 'tfa@pve', '--password-stdin'];
      const line = await place.refusal('AuthenticationFailed', words, { stdin: PASSWORD });
      expect(line).to.include('tfa@pve has a second factor (totp, recovery)').and.to.include('API token');
    });

    it('a server that is down, one that says nothing, and one that is no Proxmox VE', async () => {
      await cluster.setNodeOffline('pve1');
      const words = (at: string, ...more: string[]): string[] => ['login', '--host', at, ...pin, ...more, ...TOKEN];
      const down = await place.refusal('PlatformUnreachable', words(server), { stdin: TOKEN_SECRET });
      expect(down).to.include('ECONNREFUSED');

      const silent = createServer(() => {}).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const begin = performance.now();
      const quiet = await place.refusal('PlatformUnreachable', words(`127.0.0.1:${port}`), { stdin: TOKEN_SECRET });
      silent.close();
      expect(quiet).to.include('no answer within 10000 ms');
      expect(performance.now() - begin).to.be.lessThan(40_000);

      const other = await openTlsServer((socket) => socket.write(httpAnswer('404 Not Found', '<html>')));
      const flags = ['login', '--host', `127.0.0.1:${other.port}`, '--fingerprint', other.fingerprint, ...TOKEN];
      const foreign = await place.refusal('PlatformUnreachable', flags, { stdin: TOKEN_SECRET });
      await other.close();
      expect(foreign).to.include('404 Not Found').and.to.include('Proxmox VE server');
    });

    it('a secret file that others can read, or that is not there', async () => {
      const secret = join(place.folder, 'secret');
      writeFileSync(secret, PASSWORD, { mode: 0o600 });
      chmodSync(secret, 0o644);
      writeFileSync(
        place.file,
        `contexts: {home: {hosts: ["${server}"], caFile: ${ca[1]}, user: root@pam, passwordFile: ${secret}}}\n`,
      );
      expect(await place.refusal('ConfigError', ['login', 'home'])).to.include(`chmod 600 ${secret}`);
      writeFileSync(place.file, readFileSync(place.file, 'utf8').replace(secret, '/nosuch/secret'));
      expect(await place.refusal('AuthenticationFailed', ['login', 'home'])).to.include(
        'there is no file /nosuch/secret',
      );
    });

    it('what was not said, where nobody can be asked', async () => {
      expect(await place.refusal('UsageError', ['login'])).to.include('--host');
      expect(await place.refusal('UsageError', ['login', '--host', server, ...pin])).to.include('--user root@pam');
      const words = ['login', '--host', server, ...pin, '--user', 'root@pam'];
      expect(await place.refusal('UsageError', words)).to.include('--password-stdin');
      expect(await place.refusal('UsageError', [...words, '--password-stdin'], { stdin: '' })).to.include('nothing');
      expect(
        await place.refusal('UsageError', [...words, '--password-stdin'], { stdin: Buffer.alloc(70_000, 'x') }),
      ).to.include('too long');
    });

    it('flags that are wrong, or contradict each other', async () => {
      const cases: [string[], RegExp][] = [
        [['--host', 'http://x'], /--host: "http:\/\/x" is no address/],
        [['--host', 'x', '--user', 'root'], /--user: "root" is no user; write it with its realm/],
        [['--host', 'x', '--token', 'root@pam!a=hunter2'], /--token: "root@pam!a" is no id of a token/],
        [['--host', 'x', '--fingerprint', 'AB'], /--fingerprint: "AB" is no SHA-256 fingerprint/],
        [['--host', 'x', '--user', 'a@pam', '--token', 'a@pam!bc'], /user.*token/],
        [['--host', 'x', '--password-stdin', '--token-stdin'], /stdin/],
        [['--host', 'x', '--ca-file', 'x', '--fingerprint', OTHER_PIN], /fingerprint/],
        [['a/b', '--host', 'x'], /NAME: "a\/b" is no name of a context/],
        [['--password', 'hunter2'], /--password/],
      ];
      for (const [words, says] of cases) {
        const line = await place.refusal('UsageError', ['login', ...words]);
        expect(line).to.match(says);
        expect(line).not.to.include('hunter2');
      }
      const line = await place.refusal(
        'ConfigError',
        ['login', '--host', server, '--ca-file', '/nosuch.pem', ...TOKEN],
        {
          stdin: TOKEN_SECRET,
        },
      );
      expect(line).to.include('/nosuch.pem cannot be read');
    });

    it('a name that another cluster has', async () => {
      writeFileSync(place.file, 'contexts: {127.0.0.1: {hosts: [elsewhere], user: root@pam}}\n');
      const line = await place.refusal('UsageError', ['login', '--host', server, ...pin, ...TOKEN], { stdin: 'x' });
      expect(line).to.include('another name').and.to.include('login NAME --host');
    });

    it('anything, with --json as a document', async () => {
      const done = await place.cli(['login', '--host', server, ...TOKEN, '--json'], { stdin: TOKEN_SECRET });
      expect(done.stderr.toString()).to.equal('');
      expect(done.exitCode).to.equal(125);
      const document = JSON.parse(done.stdout.toString()) as { error: { code: string } };
      expect(documentErrors('login', document)).to.deep.equal([]);
      expect(document.error.code).to.equal('PlatformUnreachable');
    });
  });

  it('leaves an older login as it was when a new one fails', async () => {
    await place.cli(['login', 'home', '--host', server, ...pin, ...TOKEN], { stdin: TOKEN_SECRET });
    const before = place.contents();
    await place.refusal('AuthenticationFailed', ['login', 'home', '--token-stdin'], { stdin: 'wrong' });
    expect(place.contents()).to.equal(before);
  });

  it('has the secret in no list of processes, neither in its words nor in its environment', async () => {
    const running = startCli(['login', '--host', server, ...pin, ...USER], { env: place.env, stdin: OPEN });
    running.child.stdin?.end('wrong-hunter2');
    // The server takes its time to refuse.
    await waitFor(() => cluster.requests.length > 0, { what: 'the request' });
    const seen = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
      .flatMap((pid) => ['cmdline', 'environ'].map((name) => readQuietly(`/proc/${pid}/${name}`)))
      .join('\n');
    expect(seen).to.include('--password-stdin').and.not.to.include('hunter2');
    const { exitCode, stdout, stderr } = await running.ended;
    expect(exitCode).to.equal(125);
    expect(Buffer.concat([stdout, stderr]).toString()).not.to.include('hunter2');
  });

  describe('logout', () => {
    it('forgets the ticket, and a token’s secret that login stored', async () => {
      await place.cli(['login', 'home', '--host', server, ...pin, ...USER], { stdin: PASSWORD });
      expect(await place.document('logout', ['logout', 'home'])).to.deep.include({ forgotten: ['ticket'] });
      expect(place.contents()).not.to.include('PVE:root@pam');
      await place.cli(['login', 'home', ...TOKEN], { stdin: TOKEN_SECRET });
      expect(await place.document('logout', ['logout'])).to.deep.include({ context: 'home', forgotten: ['token'] });
      expect(place.contents()).not.to.include(TOKEN_SECRET);
      const done = await place.cli(['logout', 'home']);
      expect(done.stdout.toString()).to.equal('home: there was nothing to forget\n');
      // The context is still there, and says what to do.
      expect(await place.refusal('UsageError', ['login', 'home'])).to.include('--token-stdin');
    });

    it('leaves what the user keeps elsewhere', async () => {
      const secret = join(place.folder, 'secret');
      writeFileSync(secret, TOKEN_SECRET, { mode: 0o600 });
      writeFileSync(place.file, `contexts: {home: {hosts: [x], token: root@pam!full, tokenFile: ${secret}}}\n`);
      const done = await place.cli(['logout']);
      expect(done.stdout.toString()).to.equal(
        'home: there was nothing to forget; its secret comes from a file of yours, which stays\n',
      );
      expect(readFileSync(secret, 'utf8')).to.equal(TOKEN_SECRET);
    });

    it('must be of a context that is there', async () => {
      expect(await place.refusal('ConfigError', ['logout'])).to.include('there are no contexts');
    });
  });
});

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
