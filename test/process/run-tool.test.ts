import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { LxcriError } from '../../src/model/errors.ts';
import { runTool } from '../../src/process/run-tool.ts';
import { isRunning } from '../support/proc.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';

describe('a tool of this host', () => {
  const directory = scratchDirectory();
  const path = process.env['PATH'];
  let tools = 0;

  /** Puts a script onto PATH; returns its name. */
  function tool(script: string): string {
    const name = `tool-${++tools}`;
    writeFileSync(join(directory, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
    return name;
  }

  before(() => {
    process.env['PATH'] = `${directory}:${path}`;
  });

  after(() => {
    process.env['PATH'] = path;
  });

  it('says nothing when it succeeds, whatever it prints', async () => {
    expect(await runTool(tool('echo out; echo err >&2'), [])).to.equal(undefined);
  });

  it('says what it printed when it fails, on one line', async () => {
    expect(await runTool(tool('echo " first"; echo "second " >&2; exit 3'), [])).to.match(
      /^(first; second|second; first)$/,
    );
    expect(await runTool(tool('exit 3'), [])).to.match(/^tool-\d+ ended with exit code 3$/);
    expect(await runTool(tool('kill -KILL $$'), [])).to.match(/^tool-\d+ ended with SIGKILL$/);
  });

  it('is given its arguments, no input, and nothing of our environment', async () => {
    process.env['OF_THE_CALLER'] = 'secret';
    try {
      const said = await runTool(tool('cat; printf "[%s]" "$@"; pwd; env; exit 1'), ['a b', '', '*']);
      expect(said).to.match(/^\[a b\]\[\]\[\*\]\/;/);
      expect(said).not.to.include('secret');
    } finally {
      delete process.env['OF_THE_CALLER'];
    }
  });

  it('is given the usual file mode mask, and ours stays as it is', async () => {
    const before = process.umask(0o077);
    try {
      expect(await runTool(tool('umask; exit 1'), [])).to.equal('0022');
      expect(process.umask()).to.equal(0o077);
    } finally {
      process.umask(before);
    }
  });

  it('has ended when it has ended, although what it left holds its output', async () => {
    const pidFile = join(directory, 'left');
    const begin = performance.now();
    const said = await runTool(tool(`sleep 1000 & echo $! >${pidFile}; echo told; exit 1`), []);
    expect(performance.now() - begin).to.be.below(20_000);
    expect(said).to.equal('told');
    process.kill(await readNumber(pidFile), 'SIGKILL');
  });

  it('may print more than we keep', async () => {
    const said = await runTool(tool('head -c 1000000 /dev/zero | tr "\\0" x; exit 1'), []);
    expect(said?.length).to.be.within(1, 65_536);
  });

  it('is ended when it is aborted, and that is what is told', async () => {
    const started = join(directory, 'started');
    const abort = new AbortController();
    const reason = new Error('enough');
    const running = runTool(tool(`echo $$ >${started}; exec sleep 1000`), [], abort.signal);
    await waitFor(() => existsSync(started), { what: 'it to start' });
    const pid = await readNumber(started);
    abort.abort(reason);
    expect(await running.catch((error: unknown) => error)).to.equal(reason);
    expect(isRunning(pid)).to.equal(false);
  });

  it('is not even started where that was before', async () => {
    const started = join(directory, 'too-late');
    const reason = new Error('enough');
    const running = runTool(tool(`sleep 0.5; touch ${started}`), [], AbortSignal.abort(reason));
    expect(await running.catch((error: unknown) => error)).to.equal(reason);
    expect(existsSync(started)).to.equal(false);
  });

  it('that is not installed is named, with its package', () => {
    expect(() => runTool('lxc-nonesuch', []))
      .to.throw(LxcriError, 'lxc-nonesuch is not installed')
      .with.property('hint', 'install the package that has it (lxc)');
  });

  function readNumber(file: string): Promise<number> {
    return waitFor(() => Number(readFileSync(file, 'utf8').trim()), { what: `a number in ${file}` });
  }
});
