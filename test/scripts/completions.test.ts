/** The completion scripts, as the build makes them: read by the shells, and the one of bash called as readline calls it. */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { expect } from 'chai';

import { commandsOf } from '../../scripts/completions/commands.ts';
import type { Manifest } from '../../scripts/completions/commands.ts';
import { completionScripts } from '../../scripts/completions/write.ts';
import { findExecutable } from '../../src/process/executable.ts';
import { needs } from '../support/component.ts';
import { must, run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BASH = join(ROOT, 'dist/completions/bash');

const manifest = (): Manifest => JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as Manifest;

/** What readline splits at, beside blanks. */
const BREAKS = '"\'><=;|&(:';

/** Calls the function with what bash sets, and prints what it answers; `|` is where the cursor is, or else the end. */
const DRIVER = `
source "$1"
COMP_WORDBREAKS=$2 COMP_LINE=$3 COMP_POINT=$4 COMP_CWORD=$5
COMP_WORDBREAKS=$' \\t\\n'"$COMP_WORDBREAKS"
shift 5
COMP_WORDS=("$@")
compopt() { printf 'compopt %s\\n' "$*"; }
_proxmox_lxcri
printf '%s\\n' "\${COMPREPLY[@]}"
`;

async function complete(text: string, breaks = BREAKS): Promise<string[]> {
  const cursor = text.includes('|') ? text.indexOf('|') : text.length;
  const line = text.replace('|', '');
  const words: string[] = [];
  let current = -1;
  for (const { 0: word, index } of line.matchAll(
    breaks === '' ? /\S+/g : /[=:]+|[<>]+|"[^"]*"?|'[^']*'?|[^\s=:<>"']+/g,
  )) {
    if (index < cursor && index + word.length >= cursor) current = words.length;
    words.push(word);
  }
  if (current === -1) {
    current = words.length;
    words.push('');
  }
  const args = ['-c', DRIVER, 'bash', BASH, breaks, line, String(cursor), String(current), ...words];
  const { stdout } = await must(['bash', ...args], {
    env: {
      PATH: `${join(ROOT, 'bin')}:${process.env['PATH']}`,
      HOME: '/',
      ONLY_HERE: '1',
      PROXMOX_LXCRI_CONTEXTS: '/dev/null',
    },
  });
  return stdout.split('\n').filter((each) => each !== '');
}

describe('the completion scripts', () => {
  it('are those of this build, and each is understood by its shell', async function () {
    for (const [shell, script] of Object.entries(completionScripts(manifest()))) {
      const file = join(ROOT, 'dist/completions', shell);
      expect(readFileSync(file, 'utf8')).to.equal(script);
      needs(this, shell, findExecutable(shell) !== undefined);
      const { exitCode, stderr } = await run([shell, '-n', file], {
        env: { PATH: process.env['PATH'], HOME: scratchDirectory() },
      });
      expect([exitCode, stderr], shell).to.deep.equal([0, '']);
    }
  });

  it('know every flag of every command', () => {
    const { commands } = manifest();
    const known = new Map(commandsOf({ commands }).map((command) => [command.verb, command]));
    for (const [id, { flags }] of Object.entries(commands)) {
      const names = known.get(id.replaceAll(':', ' '))?.flags.flatMap((flag) => flag.names) ?? [];
      for (const { name, char } of Object.values(flags))
        expect(names).to.include.members(char === undefined ? [`--${name}`] : [`--${name}`, `-${char}`]);
      expect(names).to.include('--help');
    }
  });

  it('are not made while nobody has said what completes a value', () => {
    const command = { summary: '', strict: true, args: {}, flags: { new: { name: 'new', type: 'option' as const } } };
    expect(() => commandsOf({ commands: { exec: command } })).to.throw('what completes new of exec?');
    const operand = { summary: '', strict: true, args: { what: {} }, flags: {} };
    expect(() => commandsOf({ commands: { show: operand } })).to.throw('what completes what of show?');
  });

  it('keep what is written for people from being read by a shell', async () => {
    const summary = `it's $(echo run) \`echo run\` \\' "x"`;
    const command = { summary, strict: true, args: {}, flags: {} };
    const scripts = completionScripts({ commands: { one: command } });
    const file = join(scratchDirectory(), 'script');
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      // Without what is only there at a prompt.
      writeFileSync(file, scripts[shell].replace(/^complete .*$/m, '').replace(/^if \[\[ \$funcstack[^]*$/m, ''));
      const print =
        shell === 'fish' ? '__proxmox_lxcri_verbs ""' : `__proxmox_lxcri_verbs ''; printf '%s\\n' "\${notes[@]}"`;
      if (findExecutable(shell) === undefined) continue;
      const { stdout } = await must([shell, '-c', `. ${file}; ${print}`], {
        env: { PATH: process.env['PATH'], HOME: scratchDirectory() },
      });
      expect(stdout, shell).to.include(summary);
    }
  });
});

describe('completion in bash', () => {
  for (const [line, expected] of [
    ['proxmox-lxcri conf', ['config']],
    ['proxmox-lxcri config ', ['show']],
    ['proxmox-lxcri context u', ['use']],
    ['proxmox-lxcri context --j', ['--json']],
    ['proxmox-lxcri context use --j', ['--json']],
    ['proxmox-lxcri help conte', ['context']],
    ['proxmox-lxcri help context sh', ['show']],
    ['proxmox-lxcri --v', ['--version']],
    ['proxmox-lxcri no-such-verb ', []],
    ['proxmox-lxcri completion f', ['fish']],
    ['proxmox-lxcri exec --lock-', ['--lock-timeout']],
    ['proxmox-lxcri exec --tim| web -- ls', ['--timeout']],
    ['proxmox-lxcri exec --timeout ', []],
    ['proxmox-lxcri exec -e A=b --quie', ['--quiet']],
    ['proxmox-lxcri exec --env --quiet --verb', ['--verbose']],
    ['proxmox-lxcri exec -tu root --quie', ['--quiet']],
    ['proxmox-lxcri exec -uroot --quie', ['--quiet']],
    ['proxmox-lxcri exec --user=root --quie', ['--quiet']],
    ['proxmox-lxcri exec --if-locked f', ['fail']],
    ['proxmox-lxcri exec --if-locked=f', ['fail']],
    ['proxmox-lxcri exec --if-locked=', ['wait', 'skip', 'fail']],
    ['proxmox-lxcri exec --method gu', ['guest-agent']],
    ['proxmox-lxcri exec --method pct,gu', ['pct,guest-agent']],
    ['proxmox-lxcri exec --method=pct,pc', []],
    ['proxmox-lxcri exec -e ONLY', ['compopt -o nospace', 'ONLY_HERE']],
    ['proxmox-lxcri exec --env=ONLY', ['compopt -o nospace', 'ONLY_HERE']],
    ['proxmox-lxcri exec --env-file /etc/passw', ['compopt -o filenames', '/etc/passwd', '/etc/passwd-']],
    ['proxmox-lxcri exec --env-file=/etc/passwd', ['compopt -o filenames', '/etc/passwd', '/etc/passwd-']],
    ['proxmox-lxcri exec web --quie', ['--quiet']],
    ['proxmox-lxcri exec "web" --quie', ['--quiet']],
    ['proxmox-lxcri exec pve:101 --quie', ['--quiet']],
    ['proxmox-lxcri exec web -- --quie', []],
    ['proxmox-lxcri exec web ls --quie', []],
    ['proxmox-lxcri exec web ls ', []],
    ['proxmox-lxcri exec web -- cat /etc/passw', []],
    ['proxmox-lxcri exec web -- cat > /etc/passw', ['compopt -o default']],
    ['proxmox-lxcri kill web HU', ['HUP']],
    ['proxmox-lxcri kill -s HU', ['HUP']],
    ['proxmox-lxcri kill -- web HU', ['HUP']],
    ['proxmox-lxcri kill web HUP ', []],
    ['proxmox-lxcri ps -f stat', ['status=running', 'status=frozen', 'status=stopped']],
    ['proxmox-lxcri ps -f nam', ['compopt -o nospace', 'name=']],
    ['proxmox-lxcri ps -f type=l', ['lxc']],
    ['proxmox-lxcri ps -f type=', ['lxc', 'qemu', 'docker', 'pod']],
    ['proxmox-lxcri ps -f platform=', ['proxmox', 'lxc', 'docker', 'kubernetes']],
    ['proxmox-lxcri ps --filter=type=l', ['lxc']],
    ['proxmox-lxcri ps --sort name,stat', ['name,status', 'name,state']],
    ['proxmox-lxcri login --user ', []],
    ['proxmox-lxcri login --no', ['--no-bare']],
    ['proxmox-lxcri login --route "gu', ['guest-agent']],
    ['proxmox-lxcri hook --on post-st', ['post-start', 'post-stop']],
  ] as const) {
    it(`of "${line}" is ${expected.join(' ') || 'nothing'}`, async () => {
      expect(await complete(line)).to.include.members([...expected]);
      if (expected.length <= 1) expect(await complete(line)).to.deep.equal([...expected]);
    });
  }

  it('does not depend on what readline splits words at', async () => {
    for (const breaks of [BREAKS, '']) {
      const answer = await complete('proxmox-lxcri exec --if-locked=f', breaks);
      expect(answer).to.deep.equal([breaks === '' ? '--if-locked=fail' : 'fail']);
    }
  });

  it('asks with the namespace that is named; fish does, too', async () => {
    const folder = scratchDirectory();
    const log = join(folder, 'log');
    const program = `#!/bin/sh\nprintf '%s:' "$@" >>${log}\necho >>${log}\n`;
    writeFileSync(join(folder, 'proxmox-lxcri'), program, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env['PATH']}`, HOME: folder };
    for (const words of ['-n shop', '-nshop', '-tn shop', '-tnshop', '--namespace shop', '--namespace=shop']) {
      const find = 'source "$1"; shift; __proxmox_lxcri_find k8s "$@"';
      await must(['bash', '-c', find, 'bash', BASH, 'proxmox-lxcri', 'exec', ...words.split(' ')], { env });
      const inFish = `source ${join(ROOT, 'dist/completions/fish')}; complete -C 'proxmox-lxcri exec ${words} k8s'`;
      if (findExecutable('fish') !== undefined) await must(['fish', '-c', inFish], { env });
      for (const line of readFileSync(log, 'utf8').trimEnd().split('\n'))
        expect(line, words).to.equal('__complete:containers-of-nodes:k8s:::shop:');
      rmSync(log);
    }
  });

  it('takes from us only words without a meaning for a shell', async () => {
    const folder = scratchDirectory();
    const hostile = [
      '$(touch trap)',
      '`touch trap`',
      'a;touch trap',
      "a'b",
      'a"b',
      'a b',
      'a*',
      'a\\b',
      '~',
      '!!',
      'good',
    ];
    const lines = hostile.map((word) => `${word}\t$(touch trap)`).join('\n');
    writeFileSync(join(folder, 'proxmox-lxcri'), `#!/bin/sh\ncat <<'END'\n${lines}\nEND\n`, { mode: 0o755 });
    const args = ['-c', DRIVER, 'bash', BASH, BREAKS, 'proxmox-lxcri stop ', '19', '2', 'proxmox-lxcri', 'stop', ''];
    const { stdout } = await must(['bash', ...args], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env['PATH']}` },
    });
    expect(stdout).to.equal('good\n');
    expect(readdirSync(folder)).to.deep.equal(['proxmox-lxcri']);
  });
});
