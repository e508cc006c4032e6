/**
 * The QEMU guest agent of a virtual machine that a real container stands for. It does as qga/commands.c: the status of a
 * process is told once, and not before nobody holds its output; a caught signal, and what it captures, are exact.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Container } from '../../lxc.ts';
import { type ApiFailure, died } from './failure.ts';
import type { Settings } from './settings.ts';

/** What GLib says of a program that it cannot start, where its messages are not translated. */
const BEGIN = `if command -v -- "$1" >/dev/null 2>&1; then echo $$ >&3; exec "$@" 3>&-; fi; echo missing >&3`;

/**
 * Has a guest's process for its child, and says on descriptor 4 how that ended: nsenter would stop with it, and die of the
 * same signal, if it can.
 */
const KEEPER = String.raw`use POSIX; defined(my $p = fork) or die; if (!$p) { POSIX::close(4); exec @ARGV; POSIX::_exit(127) }
POSIX::close($_) for 0..3; waitpid $p, 0; POSIX::write(4, "$?", length "$?")`;

/** A service has an environment of its own, of which nothing may be left for a command. */
const ENVIRONMENT = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  INVOCATION_ID: 'of-the-agent',
  JOURNAL_STREAM: '8:1',
};

interface Captured {
  chunks: Buffer[];
  bytes: number;
  truncated: boolean;
  closed: boolean;
}

interface Process {
  out: Captured;
  err: Captured;
  /** As wait(2) tells it. */
  end: number | undefined;
}

export class MachineAgent {
  /** `silent`: it gets commands and runs them, and its answers do not come in time. */
  state: 'running' | 'stopped' | 'forbidden' | 'silent' = 'running';
  paused = false;
  readonly os: 'linux' | 'mswindows';
  /** The words of all commands so far. */
  readonly commands: string[][] = [];
  readonly #container: Container;
  readonly #settings: Settings;
  /** The agent does one thing after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #processes = new Map<number, Process>();

  constructor(container: Container, settings: Settings, os: 'linux' | 'mswindows' = 'linux') {
    this.#container = container;
    this.#settings = settings;
    this.os = os;
  }

  /** @returns the process id in the guest. */
  exec(vmid: number, words: readonly string[], input: Buffer | undefined): Promise<{ pid: number }> {
    const started = this.#turn.then(() => this.#exec(vmid, words, input));
    this.#turn = started.catch(() => {});
    return started;
  }

  async #exec(vmid: number, words: readonly string[], input: Buffer | undefined): Promise<{ pid: number }> {
    if (this.state === 'forbidden')
      throw agentError('Command guest-exec has been disabled: the command is not allowed');
    const [program = ''] = words;
    this.commands.push([...words]);
    if (this.os === 'mswindows' && program.startsWith('/')) throw missing(program);
    const into = ['nsenter', '--target', String(await this.#container.initPid())];
    const keeper = [...into, '--pid', '--no-fork', '--', 'perl', '-e', KEEPER];
    const spaces = ['--mount', '--uts', '--ipc', '--net', '--wdns=/', '--'];
    const [file = '', ...args] = [...keeper, ...into, ...spaces, '/bin/sh', '-c', BEGIN, 'sh', ...words];
    const child = spawn(file, args, {
      env: ENVIRONMENT,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const out = this.#capture(child.stdout);
    const err = this.#capture(child.stderr);
    const process: Process = { out, err, end: undefined };
    // A keeper that says nothing was killed with all of the guest.
    const ended = text(child.stdio[4] as Readable).then((status) => (process.end = status === '' ? 9 : Number(status)));
    const said = await firstLine(child);
    // Without a shell to begin with, nothing that would need one can be started either.
    if (said === 'missing' || said === '') {
      await ended;
      throw missing(program);
    }
    const pid = Number(said);
    this.#processes.set(pid, process);
    if (this.state === 'silent') throw died(`VM ${vmid} qmp command 'guest-exec' failed - got timeout`);
    return { pid };
  }

  /** What the API makes of the agent's answer: bytes as characters of their numbers, truth as 1. */
  status(pid: number): Record<string, unknown> {
    const process = this.#processes.get(pid);
    // As it stands there: the macro for the number's format is within the quotes.
    if (process === undefined) throw agentError('PID ld does not exist');
    const { out, err, end } = process;
    if (end === undefined || !out.closed || !err.closed) return { exited: 0 };
    this.#processes.delete(pid);
    const signal = end & 127;
    return {
      exited: 1,
      ...(signal === 0 ? { exitcode: end >> 8 } : { signal }),
      ...dataOf('out', out),
      ...dataOf('err', err),
    };
  }

  #capture(stream: Readable | null): Captured {
    const captured: Captured = { chunks: [], bytes: 0, truncated: false, closed: false };
    stream?.on('data', (chunk: Buffer) => {
      const room = this.#settings.agentOutputBytes - captured.bytes;
      const kept = chunk.subarray(0, room);
      captured.truncated ||= kept.length < chunk.length;
      captured.chunks.push(kept);
      captured.bytes += kept.length;
    });
    stream?.on('close', () => (captured.closed = true));
    return captured;
  }
}

function dataOf(name: 'out' | 'err', { chunks, bytes, truncated }: Captured): Record<string, unknown> {
  if (bytes === 0) return {};
  return { [`${name}-data`]: Buffer.concat(chunks).toString('latin1'), [`${name}-truncated`]: Number(truncated) };
}

async function firstLine(child: ChildProcess): Promise<string> {
  const channel = child.stdio[3] as Readable;
  let line = '';
  for await (const chunk of channel) {
    line += String(chunk);
    if (line.endsWith('\n')) break;
  }
  return line.trim();
}

function missing(program: string): ApiFailure {
  return agentError(
    `Guest agent command failed, error was 'Failed to execute child process “${program}” (No such file or directory)'`,
  );
}

function agentError(what: string): ApiFailure {
  return died(`Agent error: ${what}`);
}
