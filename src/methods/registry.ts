import type { MethodName } from '../model/request.ts';
import { guestAgent } from './guest-agent.ts';
import { consoleMethod } from './console.ts';
import { docker } from './docker.ts';
import { kubernetes } from './kubernetes.ts';
import { lxcAttach } from './lxc-attach.ts';
import type { Method } from './method.ts';
import { nodeShell } from './node-shell.ts';
import { pct } from './pct.ts';
import { proxmoxApi } from './proxmox-api.ts';

const METHODS: Partial<Record<MethodName, Method>> = {
  'proxmox-api': proxmoxApi,
  pct,
  'lxc-attach': lxcAttach,
  docker,
  kubernetes,
  'guest-agent': guestAgent,
  console: consoleMethod,
  'node-shell': nodeShell,
};

/** The method of this name, where this version has it. */
export function methodByName(name: MethodName): Method | undefined {
  return METHODS[name];
}

/** The methods that this version has. */
export const AVAILABLE_METHODS: readonly string[] = Object.keys(METHODS);
