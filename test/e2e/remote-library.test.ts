/** Containers of other nodes for a program: many executions over one connection, and an end of the program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { expect } from 'chai';

import { run, scratchDirectory, startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';
import { startSshCluster } from '../support/pve/ssh-cluster.ts';
import type { SshCluster } from '../support/pve/ssh-cluster.ts';

const VMID = 800_000_000 + (process.pid % 100_000_000);
const LIBRARY = pathToFileURL(join(import.meta.dirname, '../../src/index.ts')).href;

describe('a program that uses the library for a container of another node', () => {
  let cluster: SshCluster;
  let container: Container;

  before(async () => {
    cluster = await startSshCluster({ nodes: { pve2: [{ vmid: VMID }] }, sshdConfig: ['LogLevel VERBOSE'] });
    container = await startContainer({ kind: 'busybox', name: String(VMID) });
  });

  after(async () => {
    await container.destroy();
    await cluster.stop();
  });

  /** Runs a program that has `exec`, and tells what it has given to `say`; it has to end by itself. */
  async function program(body: string): Promise<unknown> {
    const file = join(scratchDirectory(), 'said.json');
    const text = `
      import { writeFileSync } from 'node:fs';
      import { createRuntime } from '${LIBRARY}';
      const runtime = createRuntime({ pveDirectory: '${cluster.tree.dir}' });
      const exec = (words, options) => runtime.exec('${VMID}', words, options);
      const say = (what) => writeFileSync('${file}', JSON.stringify(what));
      ${body}`;
    const { exitCode, stderr } = await run([process.execPath, '--input-type=module', '-e', text], {
      env: { PATH: cluster.environment['PATH'] },
      timeoutMs: 55_000,
    });
    expect([exitCode, stderr]).to.deep.equal([0, '']);
    return JSON.parse(readFileSync(file, 'utf8')) as unknown;
  }

  it('runs many commands at once with one login and one program of ours there, each with its own streams', async () => {
    const said = await program(`
      const script = 'cat; echo "$1" >&2; exit "$1"';
      const results = await Promise.all(Array.from({ length: 20 }, (_, index) =>
        exec(['sh', '-c', script, 'sh', String(index)], { input: 'in ' + index, methods: ['lxc-attach'] })));
      say(results.map(({ stdout, stderr, exitCode }) => [stdout, stderr, exitCode]));`);
    expect(said).to.deep.equal(Array.from({ length: 20 }, (_, index) => [`in ${index}`, `${index}\n`, index]));
    const log = cluster.nodes.get('pve2')?.sshd.log() ?? '';
    expect(log.match(/Accepted publickey/g)).to.have.length(1);
    expect(log.match(/Starting session: command/g)).to.have.length(1);
  });

  it('cancels one and keeps the others', async () => {
    const said = await program(`
      const canceled = exec(['sleep', '300111']);
      const kept = exec(['sh', '-c', 'read line; echo "$line"'], { stdin: 'pipe' });
      await Promise.all([canceled.started, kept.started]);
      canceled.kill();
      const first = await canceled;
      kept.stdin.end('after\\n');
      say([first.canceled, first.treeKill, (await kept).stdout]);`);
    expect(said).to.deep.equal([true, true, 'after\n']);
  });

  it('may be impatient while the connection is made, and that harms nobody else', async () => {
    const said = await program(`
      const impatient = exec(['true'], { signal: AbortSignal.abort() });
      const late = exec(['true'], { timeoutMs: 1 });
      const patient = exec(['echo', 'here']);
      const results = await Promise.all([impatient, late, patient]);
      say(results.map(({ canceled, timedOut, started, stdout }) => [canceled, timedOut, started, stdout]));`);
    expect(said).to.deep.equal([
      [true, false, false, ''],
      [false, true, false, ''],
      [false, false, true, 'here\n'],
    ]);
  });
});
