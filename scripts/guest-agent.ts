/**
 * Builds the programs of the guest agent's module. Needs Go; the same sources and the same Go give the same bytes, wherever
 * they are.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { ownArchitecture } from '../src/guest-agent/parts.ts';
import type { AgentArchitecture } from '../src/guest-agent/parts.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** The module of the agent. */
export const AGENT_SOURCES = join(ROOT, 'guest-agent');

/** The architecture of this machine, for running the agent here. */
const OWN_ARCHITECTURE: AgentArchitecture = ownArchitecture() ?? 'amd64';

const PROGRAMS = { agent: '.', 'bench-client': './cmd/bench-client' } as const;

/** Where Go is, or `undefined`. */
export function findGo(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(':')
    .map((directory) => join(directory, 'go'))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/**
 * Builds a program of the module: static, without the paths of this machine.
 *
 * @param sources the module's directory.
 * @param output the file to write; it appears whole.
 * @throws Error with what Go said.
 */
export function buildGo(
  program: keyof typeof PROGRAMS,
  architecture: AgentArchitecture,
  output: string,
  sources: string = AGENT_SOURCES,
): void {
  const go = findGo();
  if (go === undefined) throw new Error('Go is missing: install it (https://go.dev/dl) and put it into the PATH');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const unfinished = `${output}.${process.pid}`;
  const { status, stdout, stderr, error } = spawnSync(
    go,
    [
      'build',
      '-trimpath',
      '-buildvcs=false',
      // Its debugging pages, which keep the linker from leaving out what is not called.
      '-tags=grpcnotrace',
      `-ldflags=-s -w -buildid= -X main.version=${version}`,
      '-o',
      unfinished,
      PROGRAMS[program],
    ],
    {
      cwd: sources,
      env: { ...process.env, CGO_ENABLED: '0', GOOS: 'linux', GOARCH: architecture, GOAMD64: 'v1', GOARM64: 'v8.0' },
      encoding: 'utf8',
    },
  );
  if (status !== 0) throw new Error(`go build of ${program} failed: ${error?.message ?? stdout + stderr}`);
  renameSync(unfinished, output);
}

/**
 * The agent for one kind of machine, built if its sources, or Go, have changed since the last time.
 *
 * @returns its file.
 */
export function guestAgent(architecture: AgentArchitecture = OWN_ARCHITECTURE): string {
  return built('agent', architecture, 'proxmox-lxcri-agent');
}

/** The Go client that measures an agent, for this machine. */
export function benchClient(): string {
  return built('bench-client', OWN_ARCHITECTURE, 'bench-client');
}

function built(program: keyof typeof PROGRAMS, architecture: AgentArchitecture, name: string): string {
  const directory = join(ROOT, 'out/guest-agent', architecture);
  const output = join(directory, name);
  const stamp = join(directory, `.${name}.sources`);
  const now = stampOf();
  if (readIfThere(stamp) === now && statSync(output, { throwIfNoEntry: false }) !== undefined) return output;
  mkdirSync(directory, { recursive: true });
  buildGo(program, architecture, output);
  writeFileSync(stamp, now);
  return output;
}

function readIfThere(file: string): string | undefined {
  return statSync(file, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(file, 'utf8');
}

/** Of the sources, and of the Go that builds them. */
function stampOf(): string {
  const go = findGo();
  const { stdout = '' } =
    go === undefined ? {} : spawnSync(go, ['env', 'GOVERSION'], { cwd: AGENT_SOURCES, encoding: 'utf8' });
  const hash = createHash('sha256').update(stdout);
  const files = readdirSync(AGENT_SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.go$|^go\.(mod|sum)$/.test(file))
    .toSorted();
  for (const file of [
    ...files.map((name) => join(AGENT_SOURCES, name)),
    join(ROOT, 'package.json'),
    import.meta.filename,
  ])
    hash.update(`${file}\0`).update(readFileSync(file));
  return hash.digest('hex');
}
