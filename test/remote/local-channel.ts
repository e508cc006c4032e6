/** A channel to our program that needs no other node: it runs here, behind two pipes. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

import { bootstrap } from '../../src/remote/bootstrap.ts';
import type { Channel, ChannelEnd } from '../../src/remote/channel.ts';
import { Connection } from '../../src/remote/connection.ts';
import type { ConnectionOptions } from '../../src/remote/connection.ts';

export interface LocalProgram {
  readonly connection: Connection;
  readonly channel: Channel;
  /** Of the program itself; its guardian is its child. */
  readonly pid: number;
}

export interface LocalOptions extends ConnectionOptions {
  /** Runs before it in the same shell, as a login's files do. */
  readonly prelude?: string;
  /** Takes the place of the shell's command; `$program` starts ours. */
  readonly command?: string;
  readonly environment?: Record<string, string>;
  readonly timeoutMs?: number;
  readonly silenceSeconds?: number;
}

const running = new Set<ChildProcess>();

/** Ends those that still run, also one that was stopped. */
export function endLocalPrograms(): void {
  for (const child of running) child.kill('SIGKILL');
}

export async function startLocalProgram(options: LocalOptions = {}): Promise<LocalProgram> {
  const { prelude = ':', command = 'exec $program', environment = {}, timeoutMs = 30_000, silenceSeconds } = options;
  const { command: program, nonce, program: text } = bootstrap(silenceSeconds);
  const script = `${prelude}\n${command.replace('$program', () => program)}`;
  const child = spawn('/bin/sh', ['-c', script], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on('error', () => {});
  const channel: Channel = {
    carrierPid: child.pid,
    input: child.stdin,
    output: child.stdout,
    ended: new Promise<ChannelEnd>((resolve) => child.on('close', (code) => resolve({ code, said }))),
    close: () => void child.stdin.end(),
    abort: () => void child.kill('SIGKILL'),
    hold() {},
  };
  child.stdin.write(text);
  return { connection: await Connection.open(channel, nonce, timeoutMs, options), channel, pid: child.pid ?? 0 };
}
