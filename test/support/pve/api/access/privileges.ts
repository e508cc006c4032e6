/** The roles Proxmox VE 9.2 comes with, as far as the endpoints of the double ask for their privileges. */

const VM_AUDIT = ['VM.Audit', 'VM.GuestAgent.Audit'];
const VM_USER = [
  ...VM_AUDIT,
  'VM.Backup',
  'VM.Config.CDROM',
  'VM.Config.Cloudinit',
  'VM.Console',
  'VM.GuestAgent.FileRead',
  'VM.GuestAgent.FileSystemMgmt',
  'VM.GuestAgent.FileWrite',
  'VM.GuestAgent.Unrestricted',
  'VM.PowerMgmt',
];
const VM_ADMIN = [
  ...VM_USER,
  'VM.Allocate',
  'VM.Clone',
  'VM.Config.CPU',
  'VM.Config.Disk',
  'VM.Config.HWType',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Options',
  'VM.Migrate',
  'VM.Replicate',
  'VM.Snapshot',
  'VM.Snapshot.Rollback',
];
const AUDIT = ['Datastore.Audit', 'Mapping.Audit', 'Pool.Audit', 'SDN.Audit', 'Sys.Audit', ...VM_AUDIT];
const ADMIN = [
  ...AUDIT,
  ...VM_ADMIN,
  'Datastore.Allocate',
  'Datastore.AllocateSpace',
  'Datastore.AllocateTemplate',
  'Group.Allocate',
  'Mapping.Use',
  'Pool.Allocate',
  'SDN.Allocate',
  'SDN.Use',
  'Sys.Console',
  'Sys.Syslog',
  'User.Modify',
];
const ADMINISTRATOR = [
  ...ADMIN,
  'Mapping.Modify',
  'Permissions.Modify',
  'Realm.Allocate',
  'Realm.AllocateUser',
  'Sys.AccessNetwork',
  'Sys.Incoming',
  'Sys.Modify',
  'Sys.PowerMgmt',
];

export const NO_ACCESS = 'NoAccess';

const ROLES: Record<string, readonly string[]> = {
  Administrator: ADMINISTRATOR,
  [NO_ACCESS]: [],
  PVEAdmin: ADMIN,
  PVEAuditor: AUDIT,
  PVEVMAdmin: VM_ADMIN,
  PVEVMUser: VM_USER,
};

/** A role is the name of one of these, or a list of privileges. */
export type Role = string | readonly string[];

export function privilegesOf(role: Role): readonly string[] {
  if (typeof role !== 'string') return role;
  const privileges = ROLES[role];
  if (privileges === undefined) throw new Error(`the double knows no role ${role}`);
  return privileges;
}

/** What a ticket's answer says its owner can do, by part of the user interface. */
export const CAPABILITIES: Readonly<Record<string, RegExp>> = {
  vms: /^VM\./,
  storage: /^Datastore\./,
  access: /^(User|Group)\./,
  nodes: /^Sys\./,
  sdn: /^SDN\./,
  dc: /^(Sys\.Audit|Sys\.Modify|SDN\.)/,
  mapping: /^Mapping\./,
};
