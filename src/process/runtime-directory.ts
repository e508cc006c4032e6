/** What lives as long as this host is up: in memory, and in a directory that only root can make entries in. */
export const RUNTIME_DIRECTORY = '/run/proxmox-lxcri';
