/** Real ssh servers for the tests: each is a "node" with an address, a host key and an environment of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { childrenOf } from '../../src/process/proc.ts';
import { killIfThere } from './proc.ts';
import { mustSync } from './run.ts';
import { scratchDirectory } from './scratch.ts';
import { waitFor } from './wait-for.ts';

const SSHD = '/usr/sbin/sshd';

export interface SshdOptions {
  /** What every session on it finds in its environment. */
  environment?: Record<string, string>;
  /** Further lines of sshd_config(5). */
  config?: readonly string[];
  /** Words before the server's own, which run it elsewhere. */
  prefix?: readonly string[];
}

export interface Sshd {
  readonly address: string;
  readonly port: number;
  /** The server's own pid; its sessions are its children. */
  readonly pid: number;
  /** Its public host key, as in a known_hosts file, without the host. */
  readonly hostKey: string;
  /** A key that it lets in as root. */
  readonly identityFile: string;
  /** What it has written to its log so far. */
  log(): string;
  stop(): Promise<void>;
}

let started = 0;

/** A test that is ended takes its servers with it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server on a loopback address of its own. */
export async function startSshd({ environment = {}, config = [], prefix = [] }: SshdOptions = {}): Promise<Sshd> {
  started += 1;
  // Each process has a block of addresses, so that an address means one server.
  const address = `127.${64 + (process.pid % 128)}.${(process.pid >> 7) % 256}.${started + 1}`;
  const port = await freePort(address);
  const directory = scratchDirectory();
  const file = (name: string): string => join(directory, name);
  chmodSync(directory, 0o700);
  for (const name of ['host', 'identity']) mustSync(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', file(name)]);
  writeFileSync(file('authorized'), readFileSync(file('identity.pub')));
  // Where sshd goes without privileges; Debian's service makes it.
  mkdirSync('/run/sshd', { mode: 0o755, recursive: true });
  const variables = Object.entries(environment).map(([key, value]) => `"${key}=${value}"`);
  const lines = [
    // Of each option sshd takes the first value.
    ...config,
    `ListenAddress ${address}:${port}`,
    `HostKey ${file('host')}`,
    `AuthorizedKeysFile ${file('authorized')}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'PrintMotd no',
    'AcceptEnv LANG',
    ...(variables.length === 0 ? [] : [`SetEnv ${variables.join(' ')}`]),
  ];
  writeFileSync(file('config'), `${lines.join('\n')}\n`);
  const [program, ...args] = [...prefix, SSHD, '-D', '-e', '-f', file('config')];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  running.add(child);
  await waitFor(() => accepts(address, port), { what: `sshd to listen on ${address}:${port}: ${log}` });
  return {
    address,
    port,
    pid: child.pid ?? 0,
    hostKey: readFileSync(file('host.pub'), 'utf8').split(' ').slice(0, 2).join(' '),
    identityFile: file('identity'),
    log: () => log,
    async stop() {
      // Its sessions outlive it otherwise, with the shared connections on our side, and hold its log.
      const sessions = childrenOf(child.pid ?? 0);
      await ended(child);
      for (const pid of sessions) killIfThere(pid, 'SIGTERM');
      child.stderr?.destroy();
      running.delete(child);
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
