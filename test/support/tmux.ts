/** A real terminal for tests: tmux keeps the screen, sends the keys, and can be resized or closed. */
import { run, runSync } from './run.ts';
import { scratchDirectory } from './scratch.ts';
import { waitFor } from './wait-for.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Terminal {
  /** The pid of the shell in it, which has job control and no line editor of its own. */
  readonly shellPid: number;
  /** The device, as the shell knows it. */
  readonly device: string;
  /** Types a line and presses Enter. */
  type(line: string): Promise<void>;
  /** Presses keys by the names that tmux has for them: `C-c`, `Escape`. */
  press(...keys: string[]): Promise<void>;
  /** All that was written, scrolled lines too, long lines in one piece. */
  screen(): Promise<string>;
  /** Waits until the screen holds this. */
  waitForScreen(pattern: RegExp, timeoutMs?: number): Promise<RegExpMatchArray>;
  /** What programs have switched on: `alternate screen`, `hidden cursor`, `application keys`, `mouse`. */
  modes(): Promise<string[]>;
  resize(size: Size): Promise<void>;
  /** What happens when its window is closed or the connection is lost. Harmless when it is gone. */
  close(): void;
}

export const PROMPT = 'host$ ';

const open = new Set<Terminal>();

/** Opens a terminal with a shell of the host in it. */
export async function openTerminal({ columns, rows }: Size = { columns: 100, rows: 30 }): Promise<Terminal> {
  const env = { PATH: process.env['PATH'], TERM: 'xterm', LANG: 'C.UTF-8', TMUX_TMPDIR: scratchDirectory() };
  const tmux = async (...words: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await run(['tmux', '-L', 'test', '-f', '/dev/null', ...words], { env });
    if (exitCode !== 0) throw new Error(`tmux ${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  const shell = ['env', `PS1=${PROMPT}`, 'dash', '-i'];
  const format = '#{pane_pid} #{pane_tty}';
  const made = await tmux('new-session', '-d', '-P', '-F', format, '-x', `${columns}`, '-y', `${rows}`, ...shell);
  const [pid = '', device = ''] = made.trim().split(' ');
  const terminal: Terminal = {
    shellPid: Number(pid),
    device,
    async type(line) {
      await tmux('send-keys', '-l', line);
      await tmux('send-keys', 'Enter');
    },
    async press(...keys) {
      await tmux('send-keys', ...keys);
    },
    screen: () => tmux('capture-pane', '-p', '-J', '-S', '-'),
    async waitForScreen(pattern, timeoutMs = 30_000) {
      let last = '';
      try {
        return await waitFor(async () => pattern.exec((last = await terminal.screen())), {
          what: `the terminal to show ${pattern}`,
          timeoutMs,
        });
      } catch (error) {
        throw new Error(`the terminal does not show ${pattern}, but:\n${last.trimEnd()}`, { cause: error });
      }
    },
    async modes() {
      const flags = ['alternate_on', 'cursor_flag', 'keypad_cursor_flag', 'mouse_any_flag'];
      const answer = await tmux('display-message', '-p', flags.map((flag) => `#{${flag}}`).join(' '));
      const [alternate, cursor, keypad, mouse] = answer.trim().split(' ');
      return [
        ...(alternate === '1' ? ['alternate screen'] : []),
        ...(cursor === '0' ? ['hidden cursor'] : []),
        ...(keypad === '1' ? ['application keys'] : []),
        ...(mouse === '1' ? ['mouse'] : []),
      ];
    },
    async resize(size) {
      await tmux('resize-window', '-x', `${size.columns}`, '-y', `${size.rows}`);
    },
    close() {
      if (open.delete(terminal)) runSync(['tmux', '-L', 'test', 'kill-server'], { env });
    },
  };
  if (open.size === 0) process.once('exit', closeTerminals);
  open.add(terminal);
  await terminal.waitForScreen(/^host\$ /m);
  return terminal;
}

/** Closes those that are still open. */
export function closeTerminals(): void {
  process.off('exit', closeTerminals);
  for (const terminal of open) terminal.close();
}
