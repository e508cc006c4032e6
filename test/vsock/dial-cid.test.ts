import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { Agent, AGENT_LIMITS } from '../../src/vsock/agent.ts';
import { wholeOf } from '../../src/vsock/grpc/frames.ts';
import { LxcriError } from '../../src/model/errors.ts';
import { guestAgent } from '../../scripts/guest-agent.ts';
import { runCli } from '../methods/contract/cli.ts';
import { needsGo } from '../support/go.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { olderAgent } from '../support/vsock/agent-double.ts';
import type { OlderAgent } from '../support/vsock/agent-double.ts';
import { startHybrid } from '../support/vsock/hybrid-double.ts';
import type { HybridDouble } from '../support/vsock/hybrid-double.ts';
import { waitFor } from '../support/wait-for.ts';

const NEVER = new AbortController().signal;
const GUEST = { kind: 'cid', cid: 4242, port: 2222 } as const;

/** In the place of socat: shows what it was called with, and does what the script says. */
function socatThat(script: string): string {
  const directory = scratchDirectory();
  const file = join(directory, 'socat');
  writeFileSync(file, `#!${process.execPath}\n${script}\n`);
  chmodSync(file, 0o755);
  return directory;
}

async function withPath<Value>(path: string, use: () => Promise<Value>): Promise<Value> {
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  try {
    return await use();
  } finally {
    process.env['PATH'] = before;
  }
}

function failure(): Promise<unknown> {
  return Agent.connect(GUEST, NEVER, { ...AGENT_LIMITS, answerMs: 20_000 }).then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('a connection by CID', () => {
  let agent: OlderAgent;
  let double: HybridDouble;

  before(async () => {
    agent = olderAgent('exec.ExecService');
    double = await startHybrid({ ports: { 2222: agent.serve } });
  });

  after(async () => {
    agent?.close();
    await double?.die();
  });

  it('is made by socat, and carries calls', async () => {
    // It joins what it is given as descriptor 3 with the agent's socket, as socat would with one of AF_VSOCK.
    const path = socatThat(`
      const { Socket, connect } = require('node:net');
      const [flag, size, from, to] = process.argv.slice(2);
      if (from !== 'FD:3' || !to.startsWith('VSOCK-CONNECT:4242:2222')) process.exit(9);
      const near = new Socket({ fd: 3 });
      const far = connect(${JSON.stringify(double.path)}, () => far.write('CONNECT 2222\\n'));
      far.once('data', (chunk) => {
        far.unshift(chunk.subarray(chunk.indexOf(10) + 1));
        near.pipe(far).pipe(near);
      });
      near.on('close', () => process.exit());`);
    const connected = await withPath(path, () => Agent.connect(GUEST, NEVER, { ...AGENT_LIMITS, answerMs: 60_000 }));
    expect(connected.hello).to.equal(undefined);
    let said = '';
    const call = connected.exec((pieces) => (said += wholeOf(pieces).toString('latin1')));
    // ExecRequest { start { command: "echo", command: "here" } }
    call.send(Buffer.from([0x0a, 0x0c, 0x0a, 4, ...Buffer.from('echo'), 0x0a, 4, ...Buffer.from('here')]));
    call.finish();
    expect((await call.ended).kind).to.equal('status');
    expect(said).to.contain('here\n');
    connected.close();
    await connected.closed;
  });

  it('carries much both ways at once, although socat reads nothing while it writes', async function () {
    this.timeout(200_000);
    needsGo(this);
    const listensAt = join(scratchDirectory(), 'agent.sock');
    const ours = spawn(guestAgent(), ['--listen', `unix:${listensAt}`], { stdio: 'ignore' });
    const ended = once(ours, 'exit');
    const path = socatThat(`
      const { Socket, connect } = require('node:net');
      const near = new Socket({ fd: 3 });
      const far = connect(${JSON.stringify(listensAt)});
      const both = [near, far];
      for (const [from, to] of [both, both.toReversed()]) {
        from.on('data', (chunk) => {
          for (const each of both) each.pause();
          to.write(chunk, () => both.forEach((each) => each.resume()));
        });
        from.on('error', () => {}).on('close', () => process.exit());
      }`);
    try {
      await waitFor(() => existsSync(listensAt), { what: 'the agent to listen', timeoutMs: 60_000 });
      const data = Buffer.from(Array.from({ length: 1_000_003 }, (_, index) => (index * 7919) % 251));
      const stdin = Buffer.concat(Array.from({ length: 32 }, () => data));
      const env = { PATH: `${path}:${process.env['PATH']}` };
      const { exitCode, stdout, stderr } = await runCli(['exec', 'vsock:4242', '--', 'cat'], { stdin, env });
      expect([exitCode, stderr.toString(), stdout.equals(stdin)]).to.deep.equal([0, '', true]);
    } finally {
      ours.kill('SIGKILL');
      await ended;
    }
  });

  it('names the package where socat is missing', async () => {
    const error = await withPath(scratchDirectory(), failure);
    expect(error).to.be.instanceOf(LxcriError);
    expect(error).to.deep.include({ code: 'PlatformUnreachable', hint: 'install the package socat (1.7.4 or later)' });
  });

  for (const [said, shown] of [
    [
      '2026/01/31 12:00:00 socat[7] E connect(5, AF=40 cid:4242 port:2222, 16): Connection reset by peer',
      'nobody listens',
    ],
    ['2026/01/31 12:00:00 socat[7] E connect(5, AF=40 cid:4242 port:2222, 16): No such device', 'no VM of this host'],
    ['2026/01/31 12:00:00 socat[7] E connect(5, AF=40 cid:4242 port:2222, 16): Connection timed out', 'nobody answers'],
    ['2026/01/31 12:00:00 socat[7] E write(5, 0x5581, 115): Broken pipe', 'closes the connection at once'],
    [
      '2026/01/31 12:00:00 socat[7] E read(5, 0x5581, 131072): Connection reset by peer',
      'closes the connection at once',
    ],
    ['2026/01/31 12:00:00 socat[7] E unknown device/address "VSOCK-CONNECT"', 'this socat knows no vsock'],
    ['2026/01/31 12:00:00 socat[7] E something(5): Something else', 'Something else'],
  ] as const)
    it(`tells why there is none: ${shown}`, async () => {
      const path = socatThat(`process.stderr.write(${JSON.stringify(`${said}\n`)}, () => process.exit(1));`);
      const error = await withPath(path, failure);
      expect(error).to.deep.include({ code: 'PlatformUnreachable' });
      expect(String(error)).to.contain(shown);
    });
});
