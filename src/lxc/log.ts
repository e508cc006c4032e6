import { statSync } from 'node:fs';

import type { LxcHandle } from '../model/container.ts';
import { readRegularFile } from '../process/regular-file.ts';
import { DEFAULT_LXCPATH } from './lxcpath.ts';

/** Where a privileged LXC writes its logs (`--with-log-path`). */
const LOG_DIRECTORY = '/var/log/lxc';

/** More than this at the end of a log is not looked at. */
const MAX_BYTES = 65_536;

/** A configuration is some kilobytes; what comes after this is not looked at. */
const MAX_CONFIG_BYTES = 1024 ** 2;

/** The end of a container's log, to tell later what has been added to it. */
export interface LogPosition {
  readonly file: string;
  readonly bytes: number;
}

/**
 * Options of LXC's tools that have errors logged: where the container's configuration names no log, its tools write none
 * (measured on 5.0.2), and then the reason of a failed start is lost. The place is the one that liblxc itself would use.
 */
export function logOptions(container: LxcHandle): string[] {
  return configuredLog(container) === undefined ? ['-o', defaultLog(container), '-l', 'ERROR'] : [];
}

/** Where a container's log ends now; liblxc writes there why a daemonized start failed. */
export function logEnd(container: LxcHandle): LogPosition {
  const file = configuredLog(container) ?? defaultLog(container);
  try {
    return { file, bytes: statSync(file).size };
  } catch {
    return { file, bytes: 0 };
  }
}

/** So much of one message is shown at most. */
const MAX_MESSAGE = 300;

/**
 * The first error that was logged after a position, and the next one, which says what it was part of ("Script exited with
 * status 1; Failed to run lxc.hook.pre-start for container ..."); later ones are only consequences.
 * A line is `lxc-start NAME DATE ERROR CATEGORY - FILE:FUNCTION:LINE - MESSAGE` (LXC's log.c, measured on 5.0.2).
 */
export function reasonSince({ file, bytes }: LogPosition): string | undefined {
  const added = readRegularFile(file, MAX_BYTES, isShorter(file, bytes) ? 0 : bytes) ?? '';
  const messages = Array.from(added.matchAll(/ (?:ERROR|CRIT|ALERT|FATAL) +\S+ - \S+ - (.+)$/gm), ([, message = '']) =>
    message.slice(0, MAX_MESSAGE),
  );
  return messages.length === 0 ? undefined : [...new Set(messages)].slice(0, 2).join('; ');
}

function defaultLog({ lxcpath, name }: LxcHandle): string {
  return lxcpath === DEFAULT_LXCPATH ? `${LOG_DIRECTORY}/${name}.log` : `${lxcpath}/${name}/${name}.log`;
}

/** `lxc.log.file` of lxc.container.conf(5); included files are not followed. */
function configuredLog({ lxcpath, name }: LxcHandle): string | undefined {
  const text = readRegularFile(`${lxcpath}/${name}/config`, MAX_CONFIG_BYTES) ?? '';
  return /^[ \t]*lxc\.log\.file[ \t]*=[ \t]*(\/\S*)[ \t]*$/m.exec(text)?.[1];
}

/** A log that is shorter than it was has been begun anew. */
function isShorter(file: string, bytes: number): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) < bytes;
}
