import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

import { expect } from 'chai';

import { isHungUp, restoreTerminal, saveTerminal } from '../../src/terminal/device.ts';
import { waitFor } from '../support/wait-for.ts';
import { openPseudoTerminal } from './pseudo-terminal.ts';
import type { PseudoTerminal } from './pseudo-terminal.ts';

describe('the settings of a terminal', () => {
  let terminal: PseudoTerminal;

  before(async () => {
    terminal = await openPseudoTerminal();
  });

  after(() => terminal.close());

  function settings(): string {
    return spawnSync('stty', ['-a'], { stdio: [terminal.fd, 'pipe', 'inherit'], encoding: 'utf8' }).stdout;
  }

  function change(...words: string[]): void {
    expect(spawnSync('stty', words, { stdio: [terminal.fd, 'ignore', 'inherit'] }).status).to.equal(0);
  }

  it('are those that it had, whatever was done to it since', () => {
    change('erase', '^H', '-ixon');
    const before = settings();
    const saved = saveTerminal(terminal.fd);
    if (saved === undefined) throw new Error('not saved');
    expect(saved.device).to.equal(terminal.device);
    change('raw', '-echo', 'intr', 'undef');
    expect(settings()).not.to.equal(before);
    restoreTerminal(terminal.fd, saved);
    expect(settings()).to.equal(before);
  });

  it('are not there where there is no terminal', () => {
    const fd = openSync('/dev/null', 'r+');
    try {
      expect(saveTerminal(fd)).to.equal(undefined);
    } finally {
      closeSync(fd);
    }
  });
});

describe('a terminal', () => {
  it('is gone from when its other side is closed', async () => {
    const terminal = await openPseudoTerminal();
    try {
      expect(isHungUp(terminal.fd)).to.equal(false);
      terminal.hangUp();
      await waitFor(() => isHungUp(terminal.fd), { what: 'the terminal to be gone' });
      // Its descriptor is still open.
      expect(isatty(terminal.fd)).to.equal(false);
    } finally {
      terminal.close();
    }
  });
});
