/** What the Debian package runs after it was unpacked, with a program in place of ours; test/package installs the real one. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { expect } from 'chai';

import { run } from '../../support/run.ts';
import type { RunResult } from '../../support/run.ts';
import { processInfo } from '../../support/proc.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { waitFor } from '../../support/wait-for.ts';

const POSTINST = resolve(import.meta.dirname, '../../../scripts/package/debian/postinst');

/** Its own view of /etc and /usr, where the paths are that the script names. */
const ENTER = `for name in etc usr; do
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$1/$name,workdir=$1/work-$name" "/$name" || exit 99
done
exec sh "$2" configure`;

const MEASURING = /^proxmox-lxcri: measuring this node .*\n/;

/** The command that runs the script on what it takes for a Proxmox node. */
function onNode(program: string): [string, ...string[]] {
  const here = scratchDirectory();
  for (const name of ['etc/pve/nodes', 'usr/bin', 'usr/lib/proxmox-lxcri/node/bin', 'work-etc', 'work-usr'])
    mkdirSync(join(here, name), { recursive: true });
  writeFileSync(join(here, 'usr/bin/proxmox-lxcri'), `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  writeFileSync(join(here, 'usr/lib/proxmox-lxcri/node/bin/node'), '#!/bin/sh\n', { mode: 0o755 });
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', ENTER, 'sh', here, POSTINST];
}

function after(program: string): Promise<RunResult> {
  return run(onNode(program));
}

describe('the postinst of the Debian package', () => {
  it('says which order was written, and why a method is last or left out', async () => {
    const said = ['Fastest: x', 'Written to /f: methods: [a, b]', 'Last: b: no answer', 'Left out: c: wrong words'];
    const { exitCode, stdout, stderr } = await after(`printf '%s\\n' '${said.join("' '")}'`);
    expect([exitCode, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(MEASURING);
    expect(stdout.replace(MEASURING, '')).to.equal(
      said
        .slice(1)
        .map((line) => `proxmox-lxcri: ${line}\n`)
        .join(''),
    );
  });

  it('says that nothing was written, and why', async () => {
    const { exitCode, stdout } = await after(`echo 'proxmox-lxcri: OperationFailed: none runs' >&2; exit 125`);
    expect(exitCode).to.equal(0);
    expect(stdout.replace(MEASURING, '')).to.match(
      /^proxmox-lxcri: wrote no configuration, .*\nproxmox-lxcri: OperationFailed: none runs\n$/,
    );
  });

  it('ends the measurement at Ctrl-C, and is content', async () => {
    const pids = join(scratchDirectory(), 'pids');
    // The keyboard signals all processes of the terminal's group, and the program ends with what it started.
    const program = `sleep 1000 & trap 'kill $!; exit 130' INT; echo $$ $! >${pids}; wait`;
    const [file, ...args] = onNode(program);
    const script = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    script.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    const ended = new Promise((done) => script.on('close', done));
    try {
      await waitFor(() => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'), { what: 'a measurement' });
      expect(stdout).to.match(MEASURING);
      process.kill(-script.pid!, 'SIGINT');
      expect(await ended).to.equal(0);
      for (const pid of readFileSync(pids, 'utf8').trim().split(' '))
        await waitFor(() => processInfo(Number(pid)) === undefined, { what: 'the measurement to end' });
      expect(stdout.replace(MEASURING, '')).to.match(
        /^proxmox-lxcri: wrote no configuration, the defaults hold; .*\n$/,
      );
    } finally {
      if (script.exitCode === null) process.kill(-script.pid!, 'SIGKILL');
    }
  });
});
