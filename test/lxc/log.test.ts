import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import type { LxcHandle } from '../../src/model/container.ts';
import { reasonSince, logEnd, logOptions } from '../../src/lxc/log.ts';
import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

function containerWith(config = ''): LxcHandle & { directory: string } {
  const lxcpath = scratchDirectory();
  const directory = join(lxcpath, 'ct');
  mkdirSync(directory);
  writeFileSync(join(directory, 'config'), config);
  return { name: 'ct', lxcpath, directory };
}

function line(level: string, message: string): string {
  return `lxc-start ct 20261121145420.350 ${level.padEnd(8)} conf - ../src/lxc/conf.c:f:512 - ${message}\n`;
}

describe('the log of a container', () => {
  it('is where LXC would write it, and LXC is told to', () => {
    const { directory, ...container } = containerWith();
    expect(logOptions(container)).to.deep.equal(['-o', `${directory}/ct.log`, '-l', 'ERROR']);
    expect(logOptions({ name: 'ct', lxcpath: '/var/lib/lxc' })).to.deep.equal([
      '-o',
      '/var/log/lxc/ct.log',
      '-l',
      'ERROR',
    ]);
    expect(logEnd(container)).to.deep.equal({ file: `${directory}/ct.log`, bytes: 0 });
  });

  it('is where its configuration says', () => {
    const file = join(scratchDirectory(), 'log');
    const container = containerWith(`lxc.uts.name = ct\n  lxc.log.file =  ${file}  \n`);
    writeFileSync(file, 'abc');
    expect(logOptions(container)).to.deep.equal([]);
    expect(logEnd(container)).to.deep.equal({ file, bytes: 3 });
  });

  it('tells the first error since then and what it was part of, and no more', () => {
    const { directory, ...container } = containerWith();
    const file = `${directory}/ct.log`;
    appendFileSync(file, line('ERROR', 'an old one'));
    const before = logEnd(container);
    expect(reasonSince(before)).to.equal(undefined);
    appendFileSync(file, line('WARN', 'only a warning') + line('ERROR', 'No such file - the cause').repeat(2));
    expect(reasonSince(before)).to.equal('No such file - the cause');
    appendFileSync(file, line('ERROR', 'Failed to run a hook') + line('ERROR', 'later'));
    expect(reasonSince(before)).to.equal('No such file - the cause; Failed to run a hook');
  });

  it('is not told at any length', () => {
    const { directory, ...container } = containerWith();
    const before = logEnd(container);
    appendFileSync(`${directory}/ct.log`, line('ERROR', 'x'.repeat(10_000)) + line('ERROR', 'y'.repeat(10_000)));
    expect(reasonSince(before)).to.equal(`${'x'.repeat(300)}; ${'y'.repeat(300)}`);
  });

  it('may have been begun anew meanwhile', () => {
    const { directory, ...container } = containerWith();
    const file = `${directory}/ct.log`;
    writeFileSync(file, line('ERROR', 'an old one').repeat(3));
    const before = logEnd(container);
    rmSync(file);
    writeFileSync(file, line('ERROR', 'new'));
    expect(reasonSince(before)).to.equal('new');
    rmSync(file);
    expect(reasonSince(before)).to.equal(undefined);
  });

  it('is not waited for where it is a pipe', async () => {
    const file = join(scratchDirectory(), 'pipe');
    await run(['mkfifo', file]);
    const position = logEnd(containerWith(`lxc.log.file = ${file}\n`));
    expect(reasonSince(position)).to.equal(undefined);
  });

  it('is looked for in a configuration that is a pipe or a device without waiting', async () => {
    const { directory, ...container } = containerWith();
    const config = join(directory, 'config');
    rmSync(config);
    await run(['mkfifo', config]);
    expect(logEnd(container).file).to.equal(`${directory}/ct.log`);
    rmSync(config);
    symlinkSync('/dev/zero', config);
    expect(logEnd(container).file).to.equal(`${directory}/ct.log`);
  });
});
