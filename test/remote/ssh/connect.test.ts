/** Real ssh to real servers: what can be wrong on the way to a node, and connections that are shared. */
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

import { expect } from 'chai';

import type { SshTarget } from '../../../src/model/container.ts';
import { isLxcriError } from '../../../src/model/errors.ts';
import type { LxcriError } from '../../../src/model/errors.ts';
import type { Connection } from '../../../src/remote/connection.ts';
import { findOnNode } from '../../../src/remote/nodes.ts';
import { findExecutable } from '../../../src/process/executable.ts';
import { controlName } from '../../../src/remote/ssh/arguments.ts';
import { connectOverSsh } from '../../../src/remote/ssh/connect.ts';
import type { SshOptions } from '../../../src/remote/ssh/connect.ts';
import { controlDirectory } from '../../../src/remote/ssh/control-directory.ts';
import { run } from '../../support/run.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { startSshd } from '../../support/sshd.ts';
import type { Sshd } from '../../support/sshd.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('ssh to a node', () => {
  const directory = scratchDirectory();
  const servers: Sshd[] = [];
  const open: Connection[] = [];
  let good: Sshd;
  const targets: SshTarget[] = [];

  const serverWith = async (...config: string[]): Promise<Sshd> => {
    const server = await startSshd({ config });
    servers.push(server);
    return server;
  };

  /** How to reach a server: each call has a shared connection of its own, unless it has the same name. */
  function targetOf(server: Sshd, changes: { options?: string[]; knownKey?: string; sudo?: boolean } = {}): SshTarget {
    const knownHosts = join(directory, `known-${targets.length}`);
    writeFileSync(knownHosts, `node ${changes.knownKey ?? server.hostKey}\n`);
    const target = {
      destination: `root@${server.address}`,
      options: [
        ...(changes.options ?? []),
        '-F',
        'none',
        '-i',
        server.identityFile,
        `-oPort=${server.port}`,
        '-oHostKeyAlias=node',
        `-oUserKnownHostsFile=${knownHosts}`,
        '-oGlobalKnownHostsFile=none',
      ],
      sudo: changes.sudo ?? false,
    };
    targets.push(target);
    return target;
  }

  /** A shared connection is waited for longer than usual: the machine may be busy. */
  async function connect(target: SshTarget, options: SshOptions = { sharedTimeoutMs: 30_000 }): Promise<Connection> {
    const connection = await connectOverSsh('pve2', target, process.env, options);
    open.push(connection);
    return connection;
  }

  async function failure(attempt: Promise<unknown>): Promise<LxcriError> {
    const error = await attempt.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!isLxcriError(error)) throw new Error(`no error of ours: ${String(error)}`);
    expect(error.message).not.to.include('\n');
    expect(error.hint).to.be.a('string');
    return error;
  }

  before(async () => {
    good = await serverWith();
  });

  after(async () => {
    for (const connection of open) connection.close();
    for (const target of targets) await run(['ssh', '-O', 'exit', '-o', `ControlPath=${socketOf(target)}`, 'node']);
    for (const server of servers) await server.stop();
  });

  /** The process that keeps the shared connection to a target open. */
  async function keeperOf(target: SshTarget): Promise<number> {
    const { stderr } = await run(['ssh', '-O', 'check', '-o', `ControlPath=${socketOf(target)}`, 'node']);
    const pid = Number(/pid=(\d+)/.exec(stderr)?.[1]);
    if (!(pid > 1)) throw new Error(`no shared connection: ${stderr}`);
    return pid;
  }

  function socketOf(target: SshTarget): string {
    return `${controlDirectory(process.env)}/${controlName(findExecutable('ssh') ?? '', target, process.env['SSH_AUTH_SOCK'])}`;
  }

  it('fails with the key that the server has, and is not the known one', async () => {
    const other = await serverWith();
    const error = await failure(connect(targetOf(good, { knownKey: other.hostKey })));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.match(
      /^the host key of node pve2 is not the known one; it has sent the ED25519 key SHA256:\S{43}; another one is in \S+:1$/,
    );
  });

  it('fails when no key of the server is known', async () => {
    const target = targetOf(good);
    writeFileSync(join(directory, `known-${targets.length - 1}`), '');
    const error = await failure(connect(target));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.match(/host key of node pve2 is not known: /);
    expect(error.hint).to.match(/log in once by hand and compare its fingerprint: ssh .*root@127/);
  });

  it('fails when the server accepts none of our keys', async () => {
    const other = await serverWith();
    const target = targetOf(good);
    const options = target.options.map((word) => (word === good.identityFile ? other.identityFile : word));
    const error = await failure(connect({ ...target, options: ['-o', 'IdentityAgent=none', ...options] }));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.match(/refused the login: .*Permission denied/);
  });

  it('fails when the server wants a password, for which nobody is asked', async () => {
    const server = await serverWith('PasswordAuthentication yes', 'PubkeyAuthentication no');
    const error = await failure(connect(targetOf(server)));
    expect(error.code).to.equal('AuthenticationFailed');
    expect(error.message).to.match(/Permission denied \(password/);
    expect(error.hint).to.match(/no password is asked for here: give it a key \(ssh-copy-id root@127/);
  });

  it('fails when nobody listens', async () => {
    const gone = await startSshd();
    await gone.stop();
    const error = await failure(connect(targetOf(gone)));
    expect(error.code).to.equal('PlatformUnreachable');
    expect(error.message).to.match(/Connection refused/);
  });

  it('fails in bounded time when somebody listens who says nothing', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, good.address, resolve));
    const { port } = server.address() as AddressInfo;
    const begin = performance.now();
    const error = await failure(connect(targetOf({ ...good, port }, { options: ['-o', 'ConnectTimeout=1'] })));
    server.close();
    for (const socket of sockets) socket.destroy();
    expect(error.code).to.equal('PlatformUnreachable');
    // ssh gives up after a second, and is asked four times.
    expect(performance.now() - begin).to.be.below(50_000);
  });

  it('is given up when the caller has had enough, and nothing of it is left', async () => {
    // It reads our program, and never says that it runs.
    const server = await serverWith('LogLevel INFO', 'ForceCommand cat >/dev/null');
    const target = targetOf(server);
    const abort = new AbortController();
    const enough = new Error('enough');
    const attempt = connect(target, { signal: abort.signal }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    await waitFor(() => server.log().includes('Accepted publickey'), { what: 'the login', timeoutMs: 30_000 });
    abort.abort(enough);
    expect(await attempt).to.equal(enough);
    const late = await connect(targetOf(good), { signal: abort.signal }).catch((thrown: unknown) => thrown);
    expect(late).to.equal(enough);
    const stopShared = ['ssh', '-O', 'exit', '-o', `ControlPath=${socketOf(target)}`, 'node'] as const;
    await waitFor(
      async () => {
        await run(stopShared);
        return (await run(['pgrep', '-P', String(server.pid)])).stdout === '';
      },
      { what: 'the session on the node to end', timeoutMs: 30_000 },
    );
  });

  for (const [what, command, code, message] of [
    ['ends at once', '/bin/false', 'PlatformUnreachable', /ended with 1 and no answer/],
    ['refuses with a reason', 'echo no shell for you; exit 1', 'PlatformUnreachable', /no shell for you/],
    ['has no perl', 'PATH=/nonexistent; eval "$SSH_ORIGINAL_COMMAND"', 'NoMethodAvailable', /no perl/],
  ] as const) {
    it(`fails when the login ${what}`, async () => {
      const error = await failure(connect(targetOf(await serverWith(`ForceCommand ${command}`))));
      expect(error.code).to.equal(code);
      expect(error.message).to.match(message);
    });
  }

  it('works through a login that prints', async () => {
    const server = await serverWith('ForceCommand echo hello; echo you >&2; eval "$SSH_ORIGINAL_COMMAND"');
    expect((await connect(targetOf(server))).login).to.deep.equal({ uid: 0, user: 'root' });
  });

  it('as another user than root is refused, or becomes root by sudo', async () => {
    const bin = scratchDirectory();
    const asNobody = 'setpriv --reuid 65534 --clear-groups sh -c "$SSH_ORIGINAL_COMMAND"';
    const server = await startSshd({
      environment: { PATH: `${bin}:${process.env['PATH']}` },
      config: [`ForceCommand ${asNobody}`],
    });
    servers.push(server);
    const refused = await failure(findOnNode({ node: 'pve2', ssh: targetOf(server) }, '100'));
    expect([refused.code, refused.message]).to.deep.equal([
      'PermissionDenied',
      'ssh logs in to node pve2 as nobody, who is not root there',
    ]);
    const sudo = (script: string): void => {
      writeFileSync(join(bin, 'sudo'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, 'sudo'), 0o755);
    };
    sudo('echo "sudo: a password is required" >&2; exit 1');
    const denied = await failure(connect(targetOf(server, { sudo: true })));
    expect(denied.code).to.equal('PermissionDenied');
    expect(denied.message).to.match(/a password is required/);
    sudo('test "$1" = -n && shift && exec "$@"');
    expect((await connect(targetOf(server, { sudo: true }))).login.user).to.equal('nobody');
  });

  describe('shares its connection:', () => {
    const logins = (server: Sshd): number => server.log().match(/Accepted publickey/g)?.length ?? 0;

    it('many at once need one login', async () => {
      const server = await serverWith('LogLevel INFO');
      const target = targetOf(server);
      await connect(target);
      await Promise.all(Array.from({ length: 5 }, () => connect(target)));
      expect(logins(server)).to.equal(1);
    });

    it('one that has no room for another session is passed by', async () => {
      const server = await serverWith('MaxSessions 1');
      const target = targetOf(server);
      await connect(target);
      await connect(target);
      expect(logins(server)).to.equal(2);
    });

    it('one whose keeper was killed is made anew', async () => {
      const server = await serverWith();
      const target = targetOf(server);
      const first = await connect(target);
      process.kill(await keeperOf(target), 'SIGKILL');
      await waitFor(() => first.lost !== undefined, { what: 'the first connection to be lost', timeoutMs: 30_000 });
      await connect(target);
      expect(logins(server)).to.equal(2);
    });

    it('one whose keeper does not answer any more holds nobody up for long', async () => {
      const server = await serverWith();
      const target = targetOf(server);
      await connect(target);
      const keeper = await keeperOf(target);
      process.kill(keeper, 'SIGSTOP');
      try {
        // It would not answer for ever.
        await connect(target, { sharedTimeoutMs: 1000 });
        expect(logins(server)).to.equal(2);
      } finally {
        process.kill(keeper, 'SIGKILL');
      }
    });
  });

  it('is not made with options of ours that a configuration could turn off', async () => {
    const config = join(directory, 'config');
    writeFileSync(
      config,
      'Host *\n  RequestTTY force\n  RemoteCommand echo hijacked\n  ForwardAgent yes\n  EscapeChar ~\n',
    );
    const target = targetOf(good);
    const options = target.options.map((word) => (word === 'none' ? config : word));
    expect((await connect({ ...target, options })).login.uid).to.equal(0);
  });
});
