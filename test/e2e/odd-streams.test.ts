/** Standard streams that Node has no stream for: nothing that is written may vanish, and nothing may be read as empty. */
import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';

import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import { needs } from '../support/component.ts';
import { openBlockDevice, runOn, runWithSocket } from '../support/odd-streams.ts';
import { run } from '../support/run.ts';
import type { Argv } from '../support/run.ts';
import { olderAgent } from '../support/vsock/agent-double.ts';
import type { OlderAgent } from '../support/vsock/agent-double.ts';
import { startHybrid } from '../support/vsock/hybrid-double.ts';
import type { HybridDouble } from '../support/vsock/hybrid-double.ts';

const BYTES = 300_000;
const env = { PATH: process.env['PATH'], PROXMOX_LXCRI_CONFIG: '/dev/null' };

describe('a standard stream of a kind that Node does not know', () => {
  let agent: OlderAgent;
  let vmm: HybridDouble;

  before(async () => {
    agent = olderAgent('exec.ExecService');
    vmm = await startHybrid({ ports: { 2222: agent.serve } });
  });

  after(async () => {
    agent?.close();
    await vmm?.die();
  });

  function exec(script: string, ...flags: string[]): Argv {
    return [CLI, 'exec', ...flags, `vsock:${vmm.path}`, '--', 'sh', '-c', script];
  }

  describe('a socket that keeps messages apart', () => {
    it("gets all of a command's output, and of its errors", async () => {
      const script = `head -c ${BYTES} /dev/zero; echo end`;
      for (const [fd, redirection] of [
        [1, ''],
        [2, 'exec >&2; '],
      ] as const) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { exitCode, stdout } = await runWithSocket(fd, exec(redirection + script), { env });
        expect([exitCode, stdout.length, stdout.slice(-4)]).to.deep.equal([0, BYTES + 4, 'end\n']);
      }
    });

    it("is read to its end as a command's input", async () => {
      const input = Buffer.alloc(BYTES, 'x');
      const { exitCode, stdout, stderr } = await runWithSocket(0, exec('wc -c'), { env, input });
      expect([exitCode, stdout.trim(), stderr]).to.deep.equal([0, String(BYTES), '']);
    });

    it('does not hold us when the command has ended before it', async () => {
      const options = { env: { ...env, KEEP_OPEN: '1' }, input: 'one\ntwo\n' };
      const { exitCode, stdout } = await runWithSocket(0, exec('head -n 1'), options);
      expect([exitCode, stdout]).to.deep.equal([0, 'one\n']);
    });

    it('gets what is kept until the command has failed', async () => {
      const { exitCode, stdout } = await runWithSocket(1, exec('echo out; exit 3', '--only-on-failure'), { env });
      expect([exitCode, stdout]).to.deep.equal([3, 'out\n']);
    });

    it('gets whole documents', async () => {
      const script = `head -c ${BYTES} /dev/zero | tr '\\0' x`;
      const { exitCode, stdout } = await runWithSocket(1, exec(script, '--json'), { env });
      expect([exitCode, (JSON.parse(stdout) as { stdout: string }).stdout.length]).to.deep.equal([0, BYTES]);
    });

    it('gets the text, the document and the help of every verb', async () => {
      for (const words of [
        ['config', 'show'],
        ['config', 'show', '--json'],
        ['--help'],
        ['ps', '--help'],
        ['--version'],
      ]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const [odd, usual] = [await runWithSocket(1, [CLI, ...words], { env }), await run([CLI, ...words], { env })];
        expect(usual.stdout).not.to.equal('');
        expect([odd.exitCode, odd.stdout], words.join(' ')).to.deep.equal([0, usual.stdout]);
      }
    });

    /** A program that runs this with its own streams, by the library. */
    function program(...command: string[]): Argv {
      const text = `
        import { createRuntime } from ${JSON.stringify(resolve(import.meta.dirname, '../../dist/index.js'))};
        const streams = { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' };
        const { exitCode } = await createRuntime().exec(${JSON.stringify(`vsock:${vmm.path}`)}, ${JSON.stringify(command)}, streams);
        process.exitCode = exitCode;`;
      return [process.execPath, '--input-type=module', '--eval', text];
    }

    it('is what a program that calls the library may have', async () => {
      const words = program('cat');
      for (const fd of [0, 1] as const) {
        const script = fd === 0 ? words : (['sh', '-c', 'echo text | "$@"', 'sh', ...words] as const);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { exitCode, stdout } = await runWithSocket(fd, script, { env, input: 'text\n', timeoutMs: 25_000 });
        expect([exitCode, stdout]).to.deep.equal([0, 'text\n']);
      }
    });

    it('does not hold such a program when the command has ended before it', async () => {
      const options = { env: { ...env, KEEP_OPEN: '1' }, input: 'one\ntwo\n', timeoutMs: 25_000 };
      const { exitCode, stdout } = await runWithSocket(0, program('head', '-n', '1'), options);
      expect([exitCode, stdout]).to.deep.equal([0, 'one\n']);
    });
  });

  describe('a block device', () => {
    /** @returns its descriptor, and another one to look into it afterwards. */
    function device(context: Mocha.Context, content: Buffer): [number, number] {
      const opened = openBlockDevice(content);
      if ('unavailable' in opened) {
        needs(context, 'a loop device', false, opened.unavailable);
        throw new Error(opened.unavailable);
      }
      return [opened.fd, openSync(`/proc/self/fd/${opened.fd}`, 'r')];
    }

    it('gets the output, in order, and is read as input', async function () {
      const [out, look] = device(this, Buffer.alloc(2 * BYTES));
      const script = `head -c ${BYTES} /dev/zero | tr '\\0' x; echo end`;
      const written = await runOn(out, 1, exec(script));
      const found = Buffer.alloc(BYTES + 5);
      readSync(look, found, 0, found.length, 0);
      expect([written.exitCode, written.stderr, found.toString().slice(-6)]).to.deep.equal([0, '', 'xend\n\0']);
      const { exitCode, stdout } = await runOn(look, 0, exec(`tr -d '\\0' | wc -c`));
      expect([exitCode, stdout.trim()]).to.deep.equal([0, String(BYTES + 4)]);
    });

    it('that is too small is told of', async function () {
      for (const flags of [[], ['--json']]) {
        const [out, look] = device(this, Buffer.alloc(4096));
        closeSync(look);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { exitCode, stderr } = await runOn(out, 1, exec(`head -c ${BYTES} /dev/zero`, ...flags));
        expect(exitCode).to.equal(255);
        // What the agent sent meanwhile is let go, maybe with the exit code; a document comes after that.
        const why = flags.length === 0 ? '' : '.*could not be written \\(ENOSPC';
        expect(stderr).to.match(new RegExp(`^proxmox-lxcri: ConnectionLost: ${why}`));
      }
    });
  });
});
