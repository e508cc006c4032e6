import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { cpio, DIRECTORY, FILE } from '../../src/guest-agent/cpio.ts';
import { initramfsFragment } from '../../src/guest-agent/fragment.ts';
import { findExecutable } from '../../src/process/executable.ts';
import { needs } from '../support/component.ts';
import { mustSync } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

const LINK = 0o120000;

/** Unpacks an archive by another implementation, as root, into a new directory. */
function unpacked(archive: Buffer): string {
  const cwd = scratchDirectory();
  mustSync(['busybox', 'cpio', '-i'], { cwd, input: archive });
  return cwd;
}

describe('an archive for an initramfs', () => {
  before(function () {
    needs(this, 'busybox', findExecutable('busybox') !== undefined);
  });

  it('is what cpio takes it for: names and contents of any length, with modes and links', () => {
    const contents = ['', 'x', 'xy', 'xyz', 'xyz\0', Buffer.alloc(70_000, 0xff)];
    const entries = contents.map((content, index) => ({
      path: `d/${'n'.repeat(index + 1)}`,
      mode: FILE | 0o640 | index,
      content,
    }));
    const directory = { path: 'd', mode: DIRECTORY | 0o711 };
    const link = { path: 'link', mode: LINK | 0o777, content: 'd/n' };
    const tree = unpacked(cpio([directory, ...entries, link]));
    for (const { path, mode, content } of entries) {
      expect(readFileSync(join(tree, path)).equals(Buffer.from(content)), path).to.equal(true);
      expect(lstatSync(join(tree, path)).mode, path).to.equal(mode);
    }
    expect(lstatSync(join(tree, 'd')).mode).to.equal(directory.mode);
    expect(readlinkSync(join(tree, 'link'))).to.equal('d/n');
  });

  it('belongs to root unless it is said otherwise, and has no time: the same content gives the same bytes', () => {
    const listing = (entry: object): string =>
      mustSync(['busybox', 'cpio', '-tv'], {
        input: cpio([{ path: 'file', mode: FILE | 0o644, ...entry }]),
        env: { ...process.env, TZ: 'UTC' },
      }).stdout;
    expect(listing({})).to.match(/^-rw-r--r-- +0\/0 +0 1970-01-01 00:00:00 file\n/);
    expect(listing({ uid: 70_001, gid: 70_002 })).to.match(/^-rw-r--r-- +70001\/70002 /);
  });

  it('with the agent holds nothing outside of a directory of its own', () => {
    const fragment = initramfsFragment(Buffer.from('the agent'), Buffer.from('#!/bin/sh\n'));
    const tree = unpacked(fragment);
    const names = mustSync(['find', '.', '-printf', '%P %m\n'], { cwd: tree }).stdout.trim().split('\n').toSorted();
    expect(names.slice(1)).to.deep.equal([
      'proxmox-lxcri 755',
      'proxmox-lxcri/init 755',
      'proxmox-lxcri/proxmox-lxcri-agent 755',
    ]);
    expect(readFileSync(join(tree, 'proxmox-lxcri/proxmox-lxcri-agent'), 'utf8')).to.equal('the agent');
  });
});
