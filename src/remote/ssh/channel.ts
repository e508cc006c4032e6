import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

import type { Channel, ChannelEnd } from '../channel.ts';
import { sshWords } from './failures.ts';

/** More than ssh has to say. */
const MAX_SAID_BYTES = 16_384;

/** How long what came before ssh's end may still be on its way to us. */
const DRAIN_MS = 500;

/** How long ssh may take to end by itself. */
const CLOSE_MS = 2000;

/**
 * Runs `ssh` as a channel. It is the user's: it has his environment, his configuration and his agent.
 *
 * @param file the program.
 */
export function sshChannel(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Channel {
  // A session of its own: Ctrl-C at our terminal is for the command, and not for ssh.
  const child = spawn(file, args, { cwd: '/', env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < MAX_SAID_BYTES) said += chunk.toString('utf8');
  });
  const output = child.stdout;
  for (const stream of [child.stdin, child.stderr, output]) stream.on('error', () => {});
  const outputEnded = new Promise<void>((resolve) => output.on('close', resolve));
  const ended = new Promise<ChannelEnd>((resolve) => {
    child.on('error', (error) => resolve({ code: null, said: `ssh cannot be run (${error.message})` }));
    child.on('exit', (code) => {
      // The master of a shared connection may hold our pipes.
      const drained = new Promise((done) => setTimeout(done, DRAIN_MS).unref());
      void Promise.race([outputEnded, drained]).then(() => resolve({ code, said: sshWords(said) }));
    });
  });
  const abort = (): void => {
    child.kill('SIGKILL');
    for (const stream of [child.stdin, child.stderr, output]) stream.destroy();
  };
  return {
    carrierPid: child.pid,
    input: child.stdin,
    output,
    ended,
    close() {
      child.stdin.end();
      setTimeout(abort, CLOSE_MS).unref();
    },
    abort,
    hold(held) {
      const handles = [child, ...([child.stdin, child.stderr, output] as unknown as Socket[])];
      for (const handle of handles) {
        if (held) handle.ref();
        else handle.unref();
      }
    },
  };
}
