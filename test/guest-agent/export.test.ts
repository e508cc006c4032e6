import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { expect } from 'chai';

import { exportAgent } from '../../src/guest-agent/export.ts';
import { AGENT_ARCHITECTURES, AGENT_PARTS } from '../../src/guest-agent/parts.ts';
import { LxcriError } from '../../src/model/errors.ts';
import { scratchDirectory } from '../support/scratch.ts';

const UNIT = '[Service]\n';

/** An installation with agents that are none. */
function installation(): string {
  const root = scratchDirectory();
  const directory = join(root, 'dist/guest-agent');
  mkdirSync(directory, { recursive: true });
  for (const architecture of AGENT_ARCHITECTURES)
    writeFileSync(join(directory, `${architecture}.gz`), gzipSync(`the agent of ${architecture}`));
  writeFileSync(join(directory, 'init'), '#!/bin/sh\n# the init\n');
  writeFileSync(join(directory, 'proxmox-lxcri-agent.service'), UNIT);
  return root;
}

describe('exporting the guest agent', () => {
  let directory: string;

  beforeEach(() => {
    directory = scratchDirectory();
  });

  it('writes all parts, and tells what they are', () => {
    const files = exportAgent({
      root: installation(),
      directory,
      architecture: 'arm64',
      parts: AGENT_PARTS,
      force: false,
    });
    const [binary, initramfs, unit] = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
    expect(binary?.toString()).to.equal('the agent of arm64');
    expect(unit?.toString()).to.equal(UNIT);
    const archive = gunzipSync(initramfs ?? '').toString('latin1');
    for (const content of ['the agent of arm64', '# the init', 'proxmox-lxcri/init\0']) {
      expect(archive).to.include(content);
    }
    expect(files.map(({ part, path, mode }) => [part, path, mode])).to.deep.equal([
      ['binary', join(directory, 'proxmox-lxcri-agent'), '0755'],
      ['initramfs', join(directory, 'proxmox-lxcri-agent.cpio.gz'), '0644'],
      ['systemd', join(directory, 'proxmox-lxcri-agent.service'), '0644'],
    ]);
    for (const { path, bytes, sha256 } of files) {
      const content = readFileSync(path);
      expect([bytes, sha256]).to.deep.equal([content.length, createHash('sha256').update(content).digest('hex')]);
    }
  });

  it('writes the parts that are wanted', () => {
    exportAgent({ root: installation(), directory, architecture: 'amd64', parts: ['systemd'], force: false });
    expect(readdirSync(directory)).to.deep.equal(['proxmox-lxcri-agent.service']);
  });

  it('says what to do where there is no agent: in a checkout, and in what was installed', () => {
    const root = scratchDirectory();
    const attempt = (): void =>
      void exportAgent({ root, directory, architecture: 'arm64', parts: ['initramfs'], force: false });
    const message = 'this installation holds no guest agent for arm64';
    expect(attempt)
      .to.throw(LxcriError, message)
      .that.includes({ code: 'OperationFailed', hint: 'install the package again, whole' });
    mkdirSync(join(root, 'guest-agent'));
    writeFileSync(join(root, 'guest-agent/go.mod'), '');
    expect(attempt).to.throw(LxcriError, message).with.property('hint', 'build it (with Go): npm run build:agent');
    expect(readdirSync(directory)).to.deep.equal([]);
  });
});
