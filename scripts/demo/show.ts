/** The tour: the same command in both forms, as they are on a user's screen. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const CLI = resolve(import.meta.dirname, '../../bin/proxmox-lxcri');
const COMMAND = ['sh', '-c', 'echo to standard output; echo to standard error >&2; exit 42'];
const EXPECTED_EXIT_CODE = 42;

/** @throws Error when the program does not do what the demo promises. */
export async function showExec(container: string): Promise<void> {
  const words = ['exec', container, '--', ...COMMAND];
  say(`$ ${asTyped(['proxmox-lxcri', ...words])}`);
  const plain = await run(words, 'inherit');
  say('$ echo $?', String(plain.exitCode), '');
  expectExitCode(plain.exitCode);

  const jsonWords = ['exec', '--json', container, '--', ...COMMAND];
  say(`$ ${asTyped(['proxmox-lxcri', ...jsonWords])} | jq`);
  const structured = await run(jsonWords, 'pipe');
  say(JSON.stringify(JSON.parse(structured.stdout), null, 2), '');
  expectExitCode(structured.exitCode);
}

function expectExitCode(exitCode: number | null): void {
  if (exitCode !== EXPECTED_EXIT_CODE) throw new Error(`expected exit code ${EXPECTED_EXIT_CODE}, got ${exitCode}`);
}

function run(words: string[], output: 'inherit' | 'pipe'): Promise<{ exitCode: number | null; stdout: string }> {
  return new Promise((settle, reject) => {
    const child = spawn(CLI, words, { stdio: ['ignore', output, 'inherit'] });
    let stdout = '';
    child.stdout?.on('data', (chunk: Buffer) => (stdout += String(chunk)));
    child.on('error', reject);
    child.on('close', (exitCode) => settle({ exitCode, stdout }));
  });
}

function asTyped(words: string[]): string {
  return words.map((word) => (/^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

function say(...lines: string[]): void {
  for (const line of lines) console.log(line);
}
