/**
 * Types at a terminal. What node-pty has for it asks again and again, without a pause, while the terminal is full: that
 * would take the time of the program which is to read. So it is a process that waits, as termproxy is.
 */
import { type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** The terminal does not block. */
const WRITER = `
while (sysread STDIN, $bytes, 65536) {
  while (length $bytes) {
    $count = syswrite STDOUT, $bytes;
    if (defined $count) { substr $bytes, 0, $count, ''; next }
    # While login(1) opens the terminal anew, nobody has it open.
    if ($!{EIO}) { select undef, undef, undef, 0.01; next }
    exit 1 unless $!{EAGAIN} || $!{EINTR};
    vec($full = '', 1, 1) = 1;
    select undef, $full, undef, undef;
  }
}`;

export class TerminalWriter {
  readonly #process: ChildProcessByStdio<Writable, null, null>;

  /** @param fd of the terminal's master. */
  constructor(fd: number) {
    const options: SpawnOptions = { stdio: ['pipe', fd, 'ignore'] };
    this.#process = spawn('perl', ['-e', WRITER], options) as ChildProcessByStdio<Writable, null, null>;
    // It leaves when nobody is there to read.
    this.#process.stdin.on('error', () => {});
  }

  write(bytes: Buffer): void {
    this.#process.stdin.write(bytes);
  }

  /** At once: the terminal is gone when nobody holds its descriptor any more. */
  end(): void {
    this.#process.kill('SIGKILL');
  }
}
