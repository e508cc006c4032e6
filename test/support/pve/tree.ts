/** The files of a Proxmox VE node, as under /etc/pve, in a temporary directory. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from '../scratch.ts';

export interface PveContainer {
  vmid: number;
  /** Default: ct<vmid>. */
  hostname?: string;
  lock?: string;
  template?: boolean;
  /** Whether the HA manager starts and stops it. */
  ha?: boolean;
  unprivileged?: boolean;
  /** What a console of it shows; default: none is configured, which means `tty`. */
  cmode?: 'tty' | 'console' | 'shell';
  /** Joined by ";". */
  tags?: string;
  /** Default: the local node. */
  node?: string;
}

export interface PveVirtualMachine {
  vmid: number;
  name?: string;
  tags?: string;
  template?: boolean;
  lock?: string;
  /** Whether its guest agent is configured; default: it is. */
  agent?: boolean;
  /** Whether it has a serial port that `qm terminal` can use. */
  serial?: boolean;
  node?: string;
}

export interface PveMember {
  name: string;
  ip?: string;
  online?: boolean;
}

export interface PveTreeOptions {
  /** The node this host is. */
  node: string;
  containers?: readonly PveContainer[];
  qemu?: readonly PveVirtualMachine[];
  /** What .members says beyond the nodes that guests are on; more than one node make a cluster. */
  members?: readonly PveMember[];
}

export interface PveTree {
  /** To be taken for /etc/pve. */
  readonly dir: string;
  readonly node: string;
  /** Writes a container's configuration, again or for the first time, as pmxcfs does: .vmlist follows. */
  putContainer(container: PveContainer): void;
  /** Says anew who is in the cluster, and who of them is there. */
  putMembers(members: readonly PveMember[]): void;
  configPath(vmid: number): string;
}

interface Guest {
  vmid: number;
  node: string;
  type: 'lxc' | 'qemu';
  config: string;
}

const FOLDERS = { lxc: 'lxc', qemu: 'qemu-server' } as const;

export function createPveTree(options: PveTreeOptions): PveTree {
  const dir = scratchDirectory();
  const guests = new Map<number, Guest>();
  let version = 0;

  const pathOf = (guest: Guest): string => join(dir, 'nodes', guest.node, FOLDERS[guest.type], `${guest.vmid}.conf`);

  const put = (guest: Guest): void => {
    makeNode(dir, guest.node);
    guests.set(guest.vmid, guest);
    version += 1;
    write(pathOf(guest), guest.config, 0o640);
    write(join(dir, '.vmlist'), vmlistText(version, [...guests.values()]), 0o440);
  };

  const managed = new Set<number>();

  const putContainer = (container: PveContainer): void => {
    if (container.ha === true) managed.add(container.vmid);
    else managed.delete(container.vmid);
    write(
      join(dir, 'ha', 'resources.cfg'),
      [...managed].map((vmid) => `ct: ${vmid}\n\tstate started\n\n`).join(''),
      0o640,
    );
    put({
      vmid: container.vmid,
      node: container.node ?? options.node,
      type: 'lxc',
      config: containerConfig(container),
    });
  };

  makeNode(dir, options.node);
  mkdirSync(join(dir, 'ha'));
  for (const folder of Object.values(FOLDERS)) {
    symlinkSync(`nodes/${options.node}/${folder}`, join(dir, folder));
  }
  symlinkSync(`nodes/${options.node}`, join(dir, 'local'));
  write(join(dir, '.vmlist'), vmlistText(version, []), 0o440);
  for (const container of options.containers ?? []) {
    putContainer(container);
  }
  for (const machine of options.qemu ?? []) {
    put({
      vmid: machine.vmid,
      node: machine.node ?? options.node,
      type: 'qemu',
      config: virtualMachineConfig(machine),
    });
  }
  const putMembers = (members: readonly PveMember[]): void =>
    write(join(dir, '.members'), membersText(options.node, [...guests.values()], members), 0o440);
  putMembers(options.members ?? []);

  return {
    dir,
    node: options.node,
    putContainer,
    putMembers,
    configPath(vmid) {
      const guest = guests.get(vmid);
      if (guest === undefined) {
        throw new Error(`no guest ${vmid} in ${dir}`);
      }
      return pathOf(guest);
    },
  };
}

function makeNode(dir: string, node: string): void {
  for (const folder of Object.values(FOLDERS)) {
    mkdirSync(join(dir, 'nodes', node, folder), { recursive: true });
  }
}

/** The snapshot and the pending changes name other values, and the description looks like keys: traps for readers. */
function containerConfig(container: PveContainer): string {
  const { vmid, hostname = `ct${vmid}`, lock, template = false, unprivileged = false, cmode, tags } = container;
  const body = [
    'arch: amd64',
    ...(cmode === undefined ? [] : [`cmode: ${cmode}`]),
    'cores: 2',
    ...(lock === undefined ? [] : [`lock: ${lock}`]),
    'features: nesting=1',
    `hostname: ${hostname}`,
    ...(lock === undefined ? [] : [`lock: ${lock}`]),
    'memory: 512',
    `net0: name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:2A:${hexPair(vmid >> 8)}:${hexPair(vmid)},ip=dhcp,type=veth`,
    'ostype: debian',
    'parent: before',
    `rootfs: local-lvm:vm-${vmid}-disk-0,size=4G`,
    'swap: 512',
    ...(tags === undefined ? [] : [`tags: ${tags}`]),
    ...(template ? ['template: 1'] : []),
    ...(unprivileged ? ['unprivileged: 1'] : []),
  ];
  const snapshot = body.map((line) => (line.startsWith('hostname:') ? `hostname: ${hostname}-before` : line));
  return [
    '#hostname%3A described',
    '#lock: described',
    ...body,
    '',
    '[pve:pending]',
    `hostname: ${hostname}-pending`,
    '',
    '[before]',
    ...snapshot.filter((line) => !/^(lock|parent|template):/.test(line)),
    'lock: snapshot',
    'snaptime: 1763700000',
    '',
  ].join('\n');
}

function virtualMachineConfig(machine: PveVirtualMachine): string {
  const { vmid, name = `vm${vmid}`, tags, template = false, lock, agent = true, serial = false } = machine;
  return [
    ...(agent ? ['agent: 1'] : []),
    'boot: order=scsi0',
    'cores: 2',
    ...(lock === undefined ? [] : [`lock: ${lock}`]),
    'memory: 2048',
    `name: ${name}`,
    'ostype: l26',
    ...(serial ? ['serial0: socket'] : []),
    ...(tags === undefined ? [] : [`tags: ${tags}`]),
    ...(template ? ['template: 1'] : []),
    '',
  ].join('\n');
}

function vmlistText(version: number, guests: readonly Guest[]): string {
  const ids = guests.map(
    ({ vmid, node, type }, index) => `"${vmid}": { "node": "${node}", "type": "${type}", "version": ${index + 1} }`,
  );
  return `{\n"version": ${version},\n"ids": {\n${ids.join(',\n')}}\n\n}\n`;
}

function membersText(local: string, guests: readonly Guest[], given: readonly PveMember[]): string {
  const members = new Map<string, PveMember>([[local, { name: local }]]);
  for (const { node } of guests) {
    members.set(node, { name: node });
  }
  for (const member of given) {
    members.set(member.name, member);
  }
  if (members.size === 1) {
    return `{\n"nodename": "${local}",\n"version": 0\n}\n`;
  }
  const nodes = [...members.values()].map(
    ({ name, ip = '127.0.0.1', online = true }, index) =>
      `  "${name}": { "id": ${index + 1}, "online": ${online ? 1 : 0}, "ip": "${ip}"}`,
  );
  return [
    '{',
    `"nodename": "${local}",`,
    '"version": 4,',
    `"cluster": { "name": "test", "version": ${nodes.length}, "nodes": ${nodes.length}, "quorate": 1 },`,
    '"nodelist": {',
    nodes.join(',\n'),
    '  }',
    '}',
    '',
  ].join('\n');
}

function write(path: string, text: string, mode: number): void {
  writeFileSync(path, text);
  // The group would be www-data; that one does not exist everywhere.
  chmodSync(path, mode);
}

function hexPair(value: number): string {
  return (value & 0xff).toString(16).toUpperCase().padStart(2, '0');
}
