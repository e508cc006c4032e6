/**
 * What a program sees that runs "on" a node: the host, with a mount and a UTS namespace of the node's own. There /etc/pve
 * is the node's file tree, LXC's default path is the node's, `pct` is the double, and the host's name is the node's. Root's
 * home is empty: what this machine's login files do takes its time, and a lock that one of them leaves when it is killed
 * would hold up all logins after it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from '../../scratch.ts';
import { createPctDouble } from '../pct-double.ts';
import type { PveTree } from '../tree.ts';

const MAKE = `set -e
node=$1 tree=$2 lxcpath=$3 pct=$4 scratch=$5
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$scratch/upper,workdir=$scratch/work" /etc
mount -t overlay overlay -o "lowerdir=$pct:/usr/sbin" /usr/sbin
mkdir /etc/pve
mount --bind "$tree" /etc/pve
mount --bind "$scratch/home" /root
mkdir -p /etc/lxc
echo "lxc.lxcpath = $lxcpath" >/etc/lxc/lxc.conf
echo "$node" >/etc/hostname
hostname "$node"
echo made
# Holds the namespaces until we close its input, or are no more.
exec cat`;

export class NodeWorld {
  readonly #node: string;
  readonly #tree: PveTree;
  readonly #lxcpath: string;
  #holder: Promise<ChildProcess> | undefined;

  constructor(node: string, tree: PveTree, lxcpath: string) {
    this.#node = node;
    this.#tree = tree;
    this.#lxcpath = lxcpath;
  }

  /** The words that go before a command to run it there; the world is made when it is first needed. */
  async prefix(): Promise<[string, ...string[]]> {
    this.#holder ??= this.#make();
    const { pid } = await this.#holder;
    return ['nsenter', '--target', String(pid), '--mount', '--uts', '--wdns=/', '--'];
  }

  async close(): Promise<void> {
    const holder = await this.#holder;
    if (holder === undefined || holder.exitCode !== null) return;
    const gone = once(holder, 'exit');
    holder.stdin?.end();
    await gone;
  }

  async #make(): Promise<ChildProcess> {
    const scratch = scratchDirectory();
    for (const name of ['upper', 'work', 'home']) mkdirSync(join(scratch, name));
    const { bin } = createPctDouble({ pveDir: this.#tree.dir, lxcpath: this.#lxcpath });
    const values = [this.#node, this.#tree.dir, this.#lxcpath, bin, scratch];
    const argv = ['--mount', '--uts', '--propagation', 'private', 'sh', '-c', MAKE, 'sh', ...values];
    const holder = spawn('unshare', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    let complaint = '';
    holder.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    const ended = once(holder, 'exit').then(() => {
      throw new Error(`the namespaces of node ${this.#node} cannot be made: ${complaint}`);
    });
    await Promise.race([once(holder.stdout, 'data'), ended]);
    ended.catch(() => {});
    return holder;
  }
}
