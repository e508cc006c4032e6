import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { startModule } from '../cli/module.ts';
import { newExecutionId } from '../../src/oci/new-result.ts';
import { allProcesses, environmentValueOf, readProcess } from '../../src/process/proc.ts';
import { TAG_VARIABLE } from '../../src/process/tree.ts';
import { startWatchdog } from '../../src/process/watchdog.ts';
import { isRunning, processInfo } from '../support/proc.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';
import { openPseudoTerminal } from '../terminal/pseudo-terminal.ts';
import { newChildren } from './children.ts';

/** The watchdogs of an execution. */
function watchdogsOf(id: string): number[] {
  return allProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => processInfo(pid)?.args.includes(`proxmox-lxcri-watchdog`) && processInfo(pid)?.args.includes(id));
}

/**
 * Starts a helper in a session of its own, whose tagged child has left it and whose untagged child has not, and a
 * watchdog over both; then waits.
 */
function program(id: string): string {
  return `
    const { spawn } = await import('node:child_process');
    const env = { PATH: process.env.PATH, ${TAG_VARIABLE}: '${id}' };
    const script = 'env -u ${TAG_VARIABLE} sleep 1061 & setsid sleep 1062 & trap "" TERM HUP; wait';
    const helper = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore', env });
    const watchdog = module.startWatchdog('${id}', helper.pid);
    process.stdin.once('data', () => {
      watchdog.dismiss();
      process.stdout.write('dismissed');
    });
    process.stdout.write(String(helper.pid));`;
}

describe('the watchdog', () => {
  const children = newChildren();

  afterEach(() => children.endAll());

  /** Starts the program, and waits until all of it runs. */
  async function start() {
    const id = newExecutionId();
    const child = startModule('process/watchdog.ts', program(id), {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: process.env,
    });
    if (child.stdout === null) throw new Error('no output');
    const [helper] = ((await once(child.stdout, 'data')) as [Buffer]).map((chunk) => Number(chunk.toString()));
    const sleeper = (seconds: string) =>
      waitFor(
        () =>
          allProcesses().find(
            ({ pid, session }) =>
              processInfo(pid)?.args === `sleep ${seconds}` &&
              (session === helper || environmentValueOf(pid, TAG_VARIABLE) === id),
          )?.pid,
        { what: `sleep ${seconds}` },
      );
    const tree = [helper ?? 0, await sleeper('1061'), await sleeper('1062')];
    await waitFor(() => watchdogsOf(id).length === 1, { what: 'the watchdog' });
    const endTree = (): void => tree.forEach((pid) => isRunning(pid) && process.kill(pid, 'SIGKILL'));
    return { id, child, tree, endTree };
  }

  it('ends the command’s processes when we are killed: the session, and what carries the tag', async () => {
    const { id, child, tree, endTree } = await start();
    const bystander = children.start('sleep', ['1063'], { env: { [TAG_VARIABLE]: newExecutionId() } });
    try {
      child.kill('SIGKILL');
      await waitFor(() => !tree.some((pid) => isRunning(pid)), { what: 'the tree to be gone' });
      await waitFor(() => watchdogsOf(id).length === 0, { what: 'the watchdog to be gone' });
      expect(isRunning(bystander.pid)).to.equal(true);
    } finally {
      endTree();
    }
  });

  it('leaves everything alone once it was dismissed', async () => {
    const { id, child, tree, endTree } = await start();
    try {
      child.stdin?.write('x');
      if (child.stdout !== null) await once(child.stdout, 'data');
      await waitFor(() => watchdogsOf(id).length === 0, { what: 'the watchdog to be gone' });
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(tree.map((pid) => isRunning(pid))).to.deep.equal([true, true, true]);
    } finally {
      child.kill('SIGKILL');
      endTree();
    }
  });

  it('survives the signals that end us', async () => {
    const { id, child, tree, endTree } = await start();
    try {
      const [watchdog = 0] = watchdogsOf(id);
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.kill(watchdog, signal);
      child.kill('SIGKILL');
      await waitFor(() => !tree.some((pid) => isRunning(pid)), { what: 'the tree to be gone' });
    } finally {
      endTree();
    }
  });

  it('does not keep us from ending, nor lives on in its own right', async () => {
    const id = newExecutionId();
    const child = startModule('process/watchdog.ts', `module.startWatchdog('${id}', undefined);`);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).to.equal(0);
    await waitFor(() => watchdogsOf(id).length === 0, { what: 'the watchdog to be gone' });
  });

  it('has a session of its own, and none of our output', async () => {
    const id = newExecutionId();
    const watchdog = startWatchdog(id, undefined);
    try {
      const [pid = 0] = await waitFor(() => watchdogsOf(id).length === 1 && watchdogsOf(id), { what: 'the watchdog' });
      expect(readProcess(pid)?.session).to.equal(pid);
      expect([1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))).to.deep.equal(['/dev/null', '/dev/null']);
    } finally {
      void watchdog.dismiss();
    }
    await waitFor(() => watchdogsOf(id).length === 0, { what: 'the watchdog to be gone' });
  });

  it('looks as often as it was told to, for what another program is about to start', async () => {
    const id = newExecutionId();
    const startAndEnd = (looks: number): Promise<unknown> => {
      const code = `module.startWatchdog('${id}', undefined, undefined, undefined, ${looks}); process.exit();`;
      return once(startModule('process/watchdog.ts', code), 'exit');
    };
    // By default once: it is gone before.
    await startAndEnd(0);
    await waitFor(() => watchdogsOf(id).length === 0, { what: 'the first watchdog to be gone' });
    await startAndEnd(60);
    const late = children.start('sleep', ['1064'], { env: { [TAG_VARIABLE]: id } });
    await waitFor(() => !isRunning(late.pid), { what: 'what came late to be ended' });
    await waitFor(() => watchdogsOf(id).length === 0, { what: 'the second watchdog to be gone' });
  });

  describe('that was given something to hold', () => {
    let file: string;

    beforeEach(() => {
      file = join(scratchDirectory(), 'held');
    });

    function isFree(): boolean {
      return spawnSync('flock', ['--nonblock', file, 'true']).status === 0;
    }

    /** Starts a program that locks the file, starts a watchdog which holds it, and then runs the code. */
    async function startHolder(id: string, code: string) {
      const child = startModule(
        'process/watchdog.ts',
        `const { spawnSync } = await import('node:child_process');
        const { openSync } = await import('node:fs');
        const fd = openSync(${JSON.stringify(file)}, 'w');
        spawnSync('flock', ['3'], { stdio: ['ignore', 'inherit', 'inherit', fd] });
        const watchdog = module.startWatchdog('${id}', undefined, undefined, fd);
        ${code}
        process.stdout.write('x');
        setInterval(() => {}, 1000);`,
      );
      if (child.stdout === null) throw new Error('no output');
      const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
      return { child, said: chunk.toString() };
    }

    it('holds it until the command’s processes have ended, when we are killed', async () => {
      const id = newExecutionId();
      const { child } = await startHolder(id, '');
      // Stopped, so that the test sees what is the case meanwhile.
      const [watchdog = 0] = await waitFor(() => watchdogsOf(id).length === 1 && watchdogsOf(id), {
        what: 'the watchdog',
      });
      process.kill(watchdog, 'SIGSTOP');
      try {
        child.kill('SIGKILL');
        await once(child, 'exit');
        expect(isFree()).to.equal(false);
      } finally {
        process.kill(watchdog, 'SIGCONT');
      }
      await waitFor(isFree, { what: 'the file to be let go of' });
    });

    it('has let go of it when it is dismissed', async () => {
      const id = newExecutionId();
      // What we hold ourselves is closed, so that only the watchdog is left.
      const code = `
        const { closeSync, readFileSync } = await import('node:fs');
        closeSync(fd);
        await watchdog.dismiss();
        process.stdout.write('left:' + readFileSync('/proc/thread-self/children', 'latin1'));`;
      const { child, said } = await startHolder(id, code);
      try {
        expect(said).to.match(/^left:x?$/);
        expect(isFree()).to.equal(true);
      } finally {
        child.kill('SIGKILL');
      }
    });
  });

  it('gives the terminal back as it was', async () => {
    const terminal = await openPseudoTerminal();
    const stty = (...words: string[]): string =>
      spawnSync('stty', words, { stdio: [terminal.fd, 'pipe', 'inherit'], encoding: 'utf8' }).stdout.trim();
    try {
      const settings = stty('-g');
      const saved = JSON.stringify({ device: terminal.device, settings });
      const code = `module.startWatchdog('${newExecutionId()}', undefined, ${saved}); process.stdout.write('x'); setInterval(() => {}, 1000);`;
      const child = startModule('process/watchdog.ts', code);
      if (child.stdout !== null) await once(child.stdout, 'data');
      stty('raw', '-echo');
      expect(stty('-g')).not.to.equal(settings);
      child.kill('SIGKILL');
      await waitFor(() => stty('-g') === settings, { what: 'the terminal to be as before' });
    } finally {
      terminal.close();
    }
  });
});
