/**
 * Drives a shell on a terminal as a person would: types, waits for what shows, changes the terminal's size.
 *
 *     node interactive.mts CONTAINER
 */
import { createRuntime } from 'proxmox-lxcri';

const [, , container = ''] = process.argv;
const runtime = createRuntime();

const shell = runtime.exec(container, ['sh', '-i'], {
  terminal: { columns: 100, rows: 30, type: 'xterm' },
  stdin: 'pipe',
  stdout: 'pipe',
  env: { PS1: 'ready> ' },
  timeoutMs: 30_000,
});

/** What the terminal has shown since this was last asked for. */
let shown = '';
let look = (): void => {};
shell.stdout.setEncoding('utf8').on('data', (text: string) => {
  shown += text;
  look();
});

/** Waits until the terminal shows something; gives all that came before it too. */
function sees(wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    look = () => {
      if (!wanted.test(shown)) return;
      resolve(shown);
      shown = '';
    };
    look();
    void shell.exited.then(() => reject(new Error(`the shell ended before ${wanted} showed`)));
  });
}

await sees(/ready> /);
shell.stdin.write('stty size\n');
const first = await sees(/\d+ \d+/);
shell.resize(120, 40);
shell.stdin.write('stty size\n');
const second = await sees(/\d+ \d+/);
console.log(`${/\d+ \d+/.exec(first)?.[0]}, then ${/\d+ \d+/.exec(second)?.[0]}`);

shell.stdin.write('exit 7\n');
const { exitCode, error } = await shell;
console.log(error?.message ?? `exit code ${exitCode}`);
