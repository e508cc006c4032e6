import { Args, Flags } from '@oclif/core';

import { LxcriError } from '../model/errors.ts';
import { parseDuration } from './values/duration.ts';

/** The container that a verb is about; see {@link namedContainer}. */
export const containerArg = Args.string({
  name: 'CONTAINER',
  description: 'a VMID (101), a name (web), or with a scheme: pve:101, pve:101@CONTEXT, lxc:web, docker:web',
  ignoreStdin: true,
});

/**
 * The container that was named.
 *
 * @throws LxcriError `MissingContainerId`
 */
export function namedContainer(container: string | undefined, usage: string): string {
  if (container !== undefined) return container;
  throw new LxcriError('MissingContainerId', 'no container was named', `usage: proxmox-lxcri ${usage}`);
}

export const nodeFlag = Flags.string({
  helpValue: 'NODE',
  summary: 'the Proxmox node of the container',
});

export const contextFlag = Flags.string({
  helpValue: 'NAME',
  summary: 'ask only the cluster of this context',
});

export const verboseFlag = Flags.boolean({
  char: 'v',
  summary: "show the log of Proxmox's task on standard error, as it comes",
});

/** For verbs that only ask. */
export const answerTimeoutFlag = Flags.string({
  helpValue: 'DURATION',
  summary: 'how long to wait for answers at most (default: as long as each server may take)',
});

/** Milliseconds. */
export function answerTimeout(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text, '--timeout');
}

/** The context that a verb is about. */
export const contextArg = Args.string({
  name: 'NAME',
  description: 'a context',
  ignoreStdin: true,
});

/**
 * The context that had to be named.
 *
 * @throws LxcriError `UsageError`
 */
export function namedContext(name: string | undefined, usage: string): string {
  if (name !== undefined) return name;
  throw new LxcriError('UsageError', 'no context was named', `usage: proxmox-lxcri ${usage}`);
}
