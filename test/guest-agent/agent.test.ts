/** The guest agent: Go's own checks and tests of it, and what comes out of the build. */
import { cpSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { expect } from 'chai';

import { AGENT_SOURCES, buildGo, findGo, guestAgent } from '../../scripts/guest-agent.ts';
import { AGENT_ARCHITECTURES } from '../../src/guest-agent/parts.ts';
import { needsGo } from '../support/go.ts';
import { run } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';

/** Compiling everything for the first time, on a busy machine. */
const COMPILING_MS = 900_000;

const MAX_BYTES = 10_000_000;

function go(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return run([findGo()!, ...args], { cwd: AGENT_SOURCES, env: { ...process.env, ...env }, timeoutMs: COMPILING_MS });
}

describe('the guest agent', () => {
  before(function () {
    needsGo(this);
  });

  it('is formatted, and go vet has nothing to say', async function () {
    this.timeout(COMPILING_MS);
    const gofmt = join(dirname(findGo()!), 'gofmt');
    const path = [dirname(findGo()!), process.env['PATH']].join(delimiter);
    const formatted = await run([statSync(gofmt, { throwIfNoEntry: false }) ? gofmt : 'gofmt', '-l', '.'], {
      cwd: AGENT_SOURCES,
      env: { ...process.env, PATH: path },
    });
    expect(formatted.stdout).to.equal('');
    expect(formatted.exitCode).to.equal(0);
    const vetted = await go(['vet', './...']);
    expect(vetted.exitCode, vetted.stderr).to.equal(0);
  });

  it('passes its tests, and none sees a data race', async function () {
    this.timeout(COMPILING_MS);
    const tested = await go(['test', '-race', '-timeout', '10m', './...'], { CGO_ENABLED: '1' });
    expect(tested.exitCode, tested.stdout + tested.stderr).to.equal(0);
  });

  for (const architecture of AGENT_ARCHITECTURES) {
    it(`is one static program of less than 10 MB for ${architecture}, with the same bytes from anywhere`, async function () {
      this.timeout(COMPILING_MS);
      const file = guestAgent(architecture);
      const bytes = readFileSync(file);
      expect(bytes.length).to.be.below(MAX_BYTES);
      // ELF: the machine at 18; a program that needs a loader has a header of type PT_INTERP (3).
      expect(bytes.readUInt16LE(18)).to.equal({ amd64: 62, arm64: 183 }[architecture]);
      const [start, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
      const types = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(start + index * size));
      expect(types).not.to.include(3);
      const elsewhere = scratchDirectory();
      cpSync(AGENT_SOURCES, join(elsewhere, 'sources'), { recursive: true });
      buildGo('agent', architecture, join(elsewhere, 'agent'), join(elsewhere, 'sources'));
      expect(readFileSync(join(elsewhere, 'agent')).equals(bytes)).to.equal(true);
    });
  }

  it('says its version, which is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(AGENT_SOURCES, '../package.json'), 'utf8')) as { version: string };
    const said = await run([guestAgent(), '--version']);
    expect(said).to.deep.include({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
  });
});
