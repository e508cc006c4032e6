/** Programs whose standard stream is of a kind that Node has no stream for. */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { mustSync, run, runSync } from './run.ts';
import type { Argv, RunOptions, RunResult } from './run.ts';
import { scratchDirectory } from './scratch.ts';

/** Gives a program one end of a pair of sockets that keep messages apart, and moves the other one from or to a pipe. */
const SOCKET_PAIR = `
  use Errno;
  use Socket;
  my $fd = shift;
  socketpair(my $ours, my $theirs, AF_UNIX, SOCK_SEQPACKET, PF_UNSPEC) or die;
  my $pid = fork() // die;
  if ($pid == 0) {
    close $ours;
    open($fd == 0 ? *STDIN : $fd == 1 ? *STDOUT : *STDERR, $fd == 0 ? '<&' : '>&', $theirs) or die;
    close $theirs;
    exec @ARGV or die;
  }
  close $theirs;
  $SIG{PIPE} = 'IGNORE';
  my $piece;
  if ($fd == 0) { while (sysread STDIN, $piece, 10_000) { send($ours, $piece, 0) // last } close $ours unless $ENV{KEEP_OPEN} }
  # Our output may have become non-blocking: the program has it, too.
  else { while (sysread $ours, $piece, 1_000_000) { while (length $piece) {
    my $count = syswrite STDOUT, $piece;
    if (defined $count) { substr($piece, 0, $count) = '' } elsif ($!{EAGAIN}) { select undef, undef, undef, 0.01 } else { die $! }
  } } }
  waitpid $pid, 0;
  exit($? & 127 ? 128 + ($? & 127) : $? >> 8);`;

/**
 * Runs a program with a SOCK_SEQPACKET socket in the place of this standard stream.
 *
 * @returns what it ended with; what came on the socket is its stdout.
 */
export function runWithSocket(fd: 0 | 1 | 2, argv: Argv, options: RunOptions = {}): Promise<RunResult> {
  return run(['perl', '-e', SOCKET_PAIR, String(fd), ...argv], options);
}

/**
 * A block device of its own, open; it vanishes when the last who holds it closes it, even if that is by dying.
 *
 * @returns `undefined`, and why, where this host has none to give.
 */
export function openBlockDevice(content: Buffer): { fd: number } | { unavailable: string } {
  const image = join(scratchDirectory(), 'image');
  writeFileSync(image, content);
  truncateSync(image, Math.ceil(content.length / 4096) * 4096);
  const { exitCode, stdout, stderr } = runSync(['losetup', '--find', '--show', image]);
  rmSync(image);
  if (exitCode !== 0) return { unavailable: stderr.trim() };
  const device = stdout.trim();
  try {
    return { fd: openSync(device, constants.O_RDWR) };
  } finally {
    mustSync(['losetup', '--detach', device]);
  }
}

/** Runs a program with an open descriptor in the place of its standard input or output, and closes that here. */
export function runOn(fd: number, as: 0 | 1, argv: Argv): Promise<RunResult> {
  const [file, ...args] = argv;
  const child = spawn(file, args, { stdio: [as === 0 ? fd : 'ignore', as === 1 ? fd : 'pipe', 'pipe'] });
  closeSync(fd);
  const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  child.stdout?.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      const [stdoutBytes, stderrBytes] = [Buffer.concat(chunks.stdout), Buffer.concat(chunks.stderr)];
      const text = { stdout: stdoutBytes.toString(), stderr: stderrBytes.toString() };
      resolve({ exitCode, signal, ...text, stdoutBytes, stderrBytes });
    });
  });
}
