/** Many commands at once, and much data. */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { expect } from 'chai';

import { CLI, OPEN, runCli, startCli } from '../methods/contract/cli.ts';
import type { RunningCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { assertNothingNew, run, scratchDirectory, snapshotProcesses, startContainer } from '../support/lxc.ts';
import type { Container, ProcessSnapshot } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';

const MIB = 1024 * 1024;

/** Runs the tasks, so many at a time. */
async function inParallel<T>(count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await task(index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

describe('many commands at once', () => {
  let container: Container;
  let former: ProcessSnapshot;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    former = await snapshotProcesses(container);
  });

  after(() => container.destroy());

  it('none of a hundred is lost, and none gets what belongs to another', async () => {
    const results = await inParallel(100, 20, async (index) => {
      const form = index % 2 === 0 ? ['--json'] : [];
      const script = 'cat; echo "out $0 $V"; echo "err $0" >&2; exit $0';
      const words = ['exec', ...form, '-e', `V=v${index}`, container.name, '--', 'sh', '-c', script, String(index)];
      const done = await runCli(words, { stdin: `in ${index}\n` });
      return index % 2 === 0
        ? resultOf(done)
        : { exitCode: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
    });
    results.forEach(({ exitCode, stdout, stderr }, index) => {
      const expected = [index, `in ${index}\nout ${index} v${index}\n`, `err ${index}\n`];
      expect([exitCode, stdout, stderr]).to.deep.equal(expected);
    });
    const ids = results.flatMap((result) => ('id' in result ? [result.id] : []));
    expect(new Set(ids).size).to.equal(50);
    await assertNothingNew(container, former);
  });

  it('a timeout ends its own command, and no other', async () => {
    const callAll = (limitMs: number) =>
      inParallel(12, 12, async (index) => {
        // The short ones lose their session, parent and environment, so that only the last mark is left to tell them apart.
        const script =
          index % 2 === 0
            ? '(env -i setsid sleep 5001 &); trap "" TERM; sleep 5002; sleep 5003'
            : `(env -i setsid sleep ${limitMs / 1000 + 4} &); sleep ${limitMs / 1000 + 3}; exit 7`;
        const flags = index % 2 === 0 ? ['--timeout', `${limitMs}ms`, '--kill-after', '200ms'] : ['--timeout', '2m'];
        return resultOf(await runCli(['exec', '--json', ...flags, container.name, '--', 'sh', '-c', script]));
      });
    const results = await withLimit(1500, callAll, (all) => all.every(({ started }) => started));
    results.forEach(({ exitCode, timedOut, treeKill, canceled }, index) => {
      const expected = index % 2 === 0 ? [124, true, true, false] : [7, false, true, false];
      expect([exitCode, timedOut, treeKill, canceled], `command ${index}`).to.deep.equal(expected);
    });
    await assertNothingNew(container, former);
  });
});

describe('much data', () => {
  const SIZE = 128 * MIB;
  const RSS_LIMIT = 100 * MIB;
  const directory = scratchDirectory();
  const file = join(directory, 'data');
  let container: Container;
  let sum: string;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    // Random enough that nothing repeats, and made in a second.
    const make = `openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c ${SIZE} >"$0"; sha256sum <"$0"`;
    sum = (await run(['bash', '-c', make, file])).stdout;
    expect(sum).to.match(/^[0-9a-f]{64} {2}-\n$/);
  });

  after(() => container.destroy());

  /** The most memory the CLI had in RAM, as the kernel has counted it, until it ended. */
  async function peakRss(cli: RunningCli): Promise<number> {
    let peak = 0;
    const look = (): void => {
      try {
        peak =
          Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${cli.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024 || peak;
      } catch {
        // It has ended.
      }
    };
    const timer = setInterval(look, 20);
    try {
      await cli.exited;
    } finally {
      clearInterval(timer);
    }
    expect(peak, 'memory was measured').to.be.above(0);
    return peak;
  }

  it('goes in unchanged', async () => {
    const cli = startCli(['exec', container.name, '--', 'sha256sum'], { stdin: OPEN });
    const rss = peakRss(cli);
    if (cli.child.stdin !== null) await pipeline(createReadStream(file), cli.child.stdin);
    const done = await cli.ended;
    expect([done.exitCode, done.stdout.toString()]).to.deep.equal([0, sum]);
    expect(await rss).to.be.below(RSS_LIMIT);
  });

  it('goes in and out unchanged, to a reader that is slow at times', async () => {
    const cli = startCli(['exec', container.name, '--', 'cat'], { stdin: OPEN });
    const rss = peakRss(cli);
    const hash = createHash('sha256');
    let received = 0;
    let pauses = 0;
    const { stdin, stdout } = cli.child;
    if (stdin === null || stdout === null) throw new Error('no pipes');
    // Instead of collecting it.
    stdout.removeAllListeners('data');
    stdout.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      received += chunk.length;
      if (received / (32 * MIB) > pauses + 1) {
        pauses += 1;
        stdout.pause();
        setTimeout(() => stdout.resume(), 100);
      }
    });
    await pipeline(createReadStream(file), stdin);
    expect((await cli.ended).exitCode).to.equal(0);
    expect([received, pauses]).to.deep.equal([SIZE, 3]);
    expect(`${hash.digest('hex')}  -\n`).to.equal(sum);
    expect(await rss).to.be.below(RSS_LIMIT);
  });

  it('goes from file to file and through real pipes unchanged', async () => {
    const environment = { ...process.env, lxcri: CLI, ct: container.name, data: file };
    const line = `
      set -o pipefail
      "$lxcri" exec "$ct" -- cat <"$data" | sha256sum || exit
      cat "$data" | "$lxcri" exec "$ct" -- cat >"$data.copy" || exit
      sha256sum <"$data.copy"; rm "$data.copy"`;
    const done = await run(['bash', '-c', line], { env: environment, timeoutMs: 110_000 });
    expect([done.exitCode, done.stdout, done.stderr]).to.deep.equal([0, sum + sum, '']);
  });

  it('is dropped beyond the limit with --json, at little memory', async () => {
    const words = [
      'exec',
      '--json',
      '--max-output',
      '1MiB',
      container.name,
      '--',
      'sh',
      '-c',
      `head -c ${SIZE} /dev/zero; exit 6`,
    ];
    const cli = startCli(words);
    const rss = await peakRss(cli);
    const result = resultOf(await cli.ended);
    expect(result).to.deep.include({ exitCode: 6, truncated: true, outputIncomplete: false });
    expect(result.stdout.length).to.equal(MIB);
    expect(rss).to.be.below(RSS_LIMIT);
  });
});
