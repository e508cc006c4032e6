import type { Readable, Writable } from 'node:stream';

import type { ShellCommand } from '../../framed/shell-command.ts';
import type { ShellSession } from '../../framed/shell-session.ts';
import type { ForwardedSignal, Session, SessionExit } from '../../model/session.ts';

/** A command that runs in the shell on a console. */
export class ConsoleSession implements Session {
  readonly treeKill = true;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exit: Promise<SessionExit>;
  readonly #shell: ShellSession;
  readonly #command: ShellCommand;

  constructor(shell: ShellSession, command: ShellCommand) {
    this.#shell = shell;
    this.#command = command;
    this.stdin = command.stdin;
    this.stdout = command.stdout;
    this.stderr = command.stderr;
    this.exit = command.ended.then((end) =>
      'lost' in end ? { kind: 'lost', reason: end.lost } : { kind: 'exited', exitCode: end.code, signal: null },
    );
  }

  /** It has no terminal. */
  resize(): void {}

  signal(signal: ForwardedSignal): void {
    const concernsOne = signal === 'SIGUSR1' || signal === 'SIGUSR2' || signal === 'SIGWINCH';
    this.#command.signal(concernsOne ? 'command' : 'group', signal);
  }

  /** Without the terminal nothing is known of it; the helper there ends what it runs when it does not hear from us. */
  async kill(): Promise<boolean> {
    return (await this.#command.killTree()) ?? false;
  }

  async release(): Promise<void> {
    await this.#command.release();
    await this.#shell.close();
  }
}
