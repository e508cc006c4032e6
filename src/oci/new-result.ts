import { readFileSync } from 'node:fs';

import type { LxcriError } from '../model/errors.ts';
import type { Word } from '../model/request.ts';
import { SCHEMA_VERSION } from '../model/result.ts';
import type { ExecResult } from '../model/result.ts';

/** The result of an execution of which nothing is known yet. */
export function newResult(id: string, command: readonly Word[], startedAt: Date): ExecResult {
  return {
    schemaVersion: SCHEMA_VERSION,
    id,
    container: null,
    method: null,
    command: command.map((word) => (typeof word === 'string' ? word : Buffer.from(word).toString('utf8'))),
    exitCode: 0,
    signal: null,
    stdout: '',
    stderr: '',
    stdoutEncoding: 'utf8',
    stderrEncoding: 'utf8',
    truncated: false,
    outputIncomplete: false,
    timedOut: false,
    canceled: false,
    connectionLost: false,
    started: false,
    treeKill: false,
    startedAt: startedAt.toISOString(),
    durationMs: 0,
    attempts: [],
    error: null,
  };
}

/** The result of a call that failed before there was anything to execute. */
export function failedResult(error: LxcriError, command: readonly Word[]): ExecResult {
  return { ...newResult(newExecutionId(), command, new Date()), exitCode: error.exitCode, error: error.toInfo() };
}

/** A random UUID from the kernel (random(4)): a hundredth of the start-up cost of node:crypto. */
export function newExecutionId(): string {
  return readFileSync('/proc/sys/kernel/random/uuid', 'latin1').trim();
}
