import { spawn } from 'node:child_process';

import { expect } from 'chai';

import { isAlive, ownMark } from '../../../src/oci/detached/supervisor-mark.ts';

describe('the mark of a supervisor', () => {
  const own = (): Record<string, unknown> => JSON.parse(ownMark()) as Record<string, unknown>;

  it('is alive while its process is', async () => {
    expect(isAlive(ownMark())).to.equal(true);
    const url = new URL('../../../src/oci/detached/supervisor-mark.ts', import.meta.url).href;
    const code = `process.stdout.write((await import(${JSON.stringify(url)})).ownMark()); setInterval(() => {}, 1e6)`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const mark = await new Promise<string>((resolve) =>
      child.stdout.on('data', (chunk: Buffer) => resolve(String(chunk))),
    );
    const alive = isAlive(mark);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('exit', resolve));
    expect([alive, isAlive(mark)]).to.deep.equal([true, false]);
  });

  it('is not taken for another process with the same pid, now or before a restart', () => {
    expect(isAlive(JSON.stringify({ ...own(), startTime: 1 }))).to.equal(false);
    expect(isAlive(JSON.stringify({ ...own(), boot: 'another' }))).to.equal(false);
  });

  it('that cannot be read is nobody', () => {
    for (const text of ['', '{', '{}', '[]', '"x"', '7']) expect(isAlive(text), text).to.equal(false);
  });
});
