import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Argv, type Container, createContainer, type RunResult, run, scratchDirectory, waitFor } from './lxc.ts';
import { createPctDouble, type PctDouble } from './pve/pct-double.ts';
import { createPveTree } from './pve/tree.ts';
import { mustSync } from './run.ts';

interface Recorded {
  line: string;
  argv: string[];
  exitCode: number;
  stdout: string;
  stderr: string;
}

const FIXTURES = new URL('../fixtures/pve/', import.meta.url);

/** Lines like `$ pct exec 101 -- true -> rc=0 stdout='' stderr=''`, with the output as bash's %q writes it. */
function recordedRuns(): Recorded[] {
  const lines = readFileSync(new URL('pct-exec.txt', FIXTURES), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [, command = '', rc = '', quotedOut = '', quotedErr = ''] =
      /^\$ (.*) -> rc=(\d+) stdout=(.*?) stderr=(.*)$/.exec(line) ?? [];
    expect(command, line).to.match(/^pct /);
    const print = `printf '%s\\0' ${quotedOut} ${quotedErr}`;
    const [stdout = '', stderr = ''] = mustSync(['bash', '-c', print]).stdout.split('\0');
    return { line, argv: words(command), exitCode: Number(rc), stdout, stderr };
  });
}

/** The recording joined the words by single spaces; all that follows `sh -c` was one word. */
function words(command: string): string[] {
  const [, head = command, script] = /^(.* sh -c) (.*)$/.exec(command) ?? [];
  return [...head.split(' ').slice(1), ...(script === undefined ? [] : [script])];
}

/** Blocks of a title and xxd's lines. */
function recordedBytes(): { title: string; bytes: Buffer }[] {
  const blocks: { title: string; hex: string }[] = [];
  for (const line of readFileSync(new URL('pct-exec-encoding.txt', FIXTURES), 'utf8').trimEnd().split('\n')) {
    const hex = /^[0-9a-f]{8}: ([0-9a-f ]+?) {2}/.exec(line)?.[1];
    const last = blocks.at(-1);
    if (hex === undefined) {
      blocks.push({ title: line, hex: '' });
    } else if (last !== undefined) {
      last.hex += hex.replaceAll(' ', '');
    }
  }
  return blocks.map(({ title, hex }) => ({ title, bytes: Buffer.from(hex, 'hex') }));
}

/** What the shell takes off a command's output, and the source line that differs between versions of LXC. */
function comparable(text: string): string {
  return text.replace(/\n+$/, '').replace(/(\.c: \w+: )\d+ /g, '$1N ');
}

describe('the double of pct', () => {
  const lxcpath = scratchDirectory();
  const tree = createPveTree({
    node: 'vm',
    containers: [{ vmid: 101 }, { vmid: 102 }, { vmid: 202, node: 'othernode' }],
  });
  let pct: PctDouble;
  let container: Container;

  function call(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<RunResult> {
    return run([pct.path, ...args], { cwd: '/', env: { ...process.env, LC_ALL: 'C.UTF-8', ...env } });
  }

  before(async () => {
    pct = createPctDouble({ pveDir: tree.dir, lxcpath });
    container = await createContainer({ kind: 'busybox', name: '101', lxcpath });
    await container.start();
  });

  after(() => container.destroy());

  for (const { line, argv, exitCode, stdout, stderr } of recordedRuns()) {
    it(`answers as recorded: ${line.slice(2).replace(/ -> .*/, '')}`, async () => {
      const answer = await call(argv, { FOO: 'bar' });
      expect({
        exitCode: answer.exitCode,
        stdout: comparable(answer.stdout),
        stderr: comparable(answer.stderr),
      }).to.deep.equal({ exitCode, stdout: comparable(stdout), stderr: comparable(stderr) });
    });
  }

  describe('does to arguments what was recorded', () => {
    const text = 'ü€';
    /** Bytes that are no text cannot be given to `spawn`: a shell makes them. */
    const shell = (script: string, env: NodeJS.ProcessEnv): Promise<RunResult> =>
      run(['sh', '-c', script, pct.path, lxcpath], { cwd: '/', env: { ...process.env, ...env } });
    const ways = [
      () => call(['exec', '101', '--', 'printf', '%s', text], { LC_ALL: 'C' }),
      () => call(['exec', '101', '--', 'printf', '%s', text]),
      () => shell(`"$0" exec 101 -- printf %s "$(printf '\\377\\376')"`, { LC_ALL: 'C.UTF-8' }),
      () => shell(`lxc-attach -n 101 -P "$1" -- printf %s "$(printf '${text}\\377')"`, {}),
    ];
    for (const [index, { title, bytes }] of recordedBytes().entries()) {
      it(title, async () => {
        expect((await ways[index]?.())?.stdoutBytes).to.deep.equal(bytes);
      });
    }
  });

  it('hands the environment on, without those two, and with its own PATH', async () => {
    const env = { SSL_CERT_FILE: '/a', SSL_CERT_DIR: '/b', SECRET: 's3' };
    const lines = (await call(['exec', '101', '--', 'env'], env)).stdout.split('\n');
    expect(lines).to.include.members(['SECRET=s3', 'PATH=/sbin:/bin:/usr/sbin:/usr/bin']);
    expect(lines.join('\n')).not.to.match(/^SSL_CERT_/m);
    const clean = (await call(['exec', '101', '--keep-env', '0', '--', 'env'], env)).stdout;
    expect(clean).not.to.include('SECRET');
  });

  it('takes no word for a boolean that is none', async () => {
    expect(await call(['exec', '101', '--keep-env', 'true', 'echo', 'x'])).to.include({ exitCode: 0, stdout: 'x\n' });
    expect(await call(['exec', '101', '--keep-env', 'ls'])).to.include({
      exitCode: 255,
      stderr: '400 unable to parse boolean option\npct exec <vmid> [<extra-args>] [OPTIONS]\n',
    });
  });

  it('leaves hard arguments alone', async () => {
    const hard = ['', ' ', '\n', '"', "'", '\\', '$(id)', '*', '--', '-x', 'x'.repeat(100_000)];
    const answer = await call(['exec', '101', '--', 'printf', '%s\\0', ...hard]);
    expect(answer.stdout.split('\0').slice(0, -1)).to.deep.equal(hard);
  });

  it('passes input, output and further descriptors through, bytes as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 1 << 16 }, (_, index) => (index * 7) & 0xff));
    const cat = await run([pct.path, 'exec', '101', '--', 'cat'], { input: bytes });
    expect(cat.stdoutBytes).to.deep.equal(bytes);

    const file = join(scratchDirectory(), 'third');
    const third = openSync(file, 'w');
    const child = spawn(pct.path, ['exec', '101', '--', 'sh', '-c', 'echo third >&3'], {
      stdio: ['ignore', 'ignore', 'ignore', third],
    });
    const [code] = (await once(child, 'exit')) as [number];
    closeSync(third);
    expect(code).to.equal(0);
    expect(readFileSync(file, 'utf8')).to.equal('third\n');
  });

  it('becomes lxc-attach, with no process between', async () => {
    const child = spawn(pct.path, ['exec', '101', '--keep-env', '0', '--', 'sh', '-c', 'echo up; exec sleep 1000']);
    await once(child.stdout, 'data');
    const cmdline = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0').slice(0, 6);
    expect(cmdline).to.deep.equal(['lxc-attach', '-n', '101', '-P', lxcpath, '--clear-env']);
    child.kill('SIGKILL');
    await container.attach(['killall', 'sleep']);
  });

  it('takes a frozen container for a running one, as the real one does', async () => {
    await container.freeze();
    const status = await call(['status', '101']);
    await container.unfreeze();
    expect(status.stdout).to.equal('status: running\n');
  });

  describe('starts and stops', () => {
    it('nothing that is so already', async () => {
      expect(await call(['start', '101'])).to.include({ exitCode: 255, stderr: 'CT 101 already running\n' });
      for (const verb of ['stop', 'shutdown'])
        expect(await call([verb, '102'])).to.include({ exitCode: 255, stderr: 'CT 102 not running\n' });
    });

    it('nothing that is locked or a template', async () => {
      tree.putContainer({ vmid: 102, lock: 'backup' });
      expect(await call(['start', '102'])).to.include({ exitCode: 255, stderr: 'CT is locked (backup)\n' });
      tree.putContainer({ vmid: 102, template: true });
      const template = "you can't start a CT if it's a template\n";
      expect(await call(['start', '102'])).to.include({ exitCode: 255, stderr: template });
      tree.putContainer({ vmid: 102 });
    });

    it('a container, and tells of one that cannot', async () => {
      expect(await call(['shutdown', '101', '--timeout', '20', '--forceStop', '0'])).to.include({ exitCode: 0 });
      expect(await container.state()).to.equal('STOPPED');
      expect(await call(['start', '101'])).to.include({ exitCode: 0, stdout: '', stderr: '' });
      expect(await container.state()).to.equal('RUNNING');
      expect(await call(['stop', '101'])).to.include({ exitCode: 0 });
      expect(await container.state()).to.equal('STOPPED');
      await container.start();
      const failed = await call(['start', '102']);
      expect(failed.exitCode).to.equal(255);
      expect(failed.stderr).to.match(/startup for container '102' failed\n$/);
    });

    it('by the HA manager later, and says so', async () => {
      tree.putContainer({ vmid: 101, ha: true });
      expect(await call(['stop', '101'])).to.include({ exitCode: 0, stdout: 'Requesting HA stop for CT 101\n' });
      expect(await container.state()).to.equal('RUNNING');
      // Not by LXC's word: its monitor may still be there for a moment, by which pct knows what runs.
      await waitFor(async () => (await call(['status', '101'])).stdout === 'status: stopped\n', {
        what: 'the HA manager to stop it',
      });
      expect(await call(['start', '101'])).to.include({ exitCode: 0, stdout: 'Requesting HA start for CT 101\n' });
      expect(await container.state()).to.equal('STOPPED');
      await waitFor(async () => (await container.state()) === 'RUNNING', { what: 'the HA manager to start it' });
      tree.putContainer({ vmid: 101 });
    });
  });

  it('shows the lock of the configuration, not that of a snapshot', async () => {
    tree.putContainer({ vmid: 102, hostname: 'db', lock: 'backup' });
    const rows = (await call(['list'])).stdout.split('\n');
    tree.putContainer({ vmid: 102 });
    expect(rows).to.include(`102        stopped    backup       db                  `);
    const argv: Argv = [pct.path, 'status', '101', '--verbose'];
    expect((await run(argv)).stdout).to.equal('name: ct101\nstatus: running\ntype: lxc\nvmid: 101\n');
  });

  it('is for root only', async () => {
    const answer = await run(['setpriv', '--reuid=65534', '--clear-groups', pct.path, 'list']);
    expect(answer).to.include({ exitCode: 255, stderr: 'please run as root\n' });
  });
});
