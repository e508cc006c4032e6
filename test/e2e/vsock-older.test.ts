/** Agents of the published protocols with our client, and a client of theirs with our agent. */
import { resolve } from 'node:path';

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect } from 'chai';

import { dial } from '../../src/vsock/dial.ts';
import { GrpcConnection } from '../../src/vsock/grpc/connection.ts';
import { wholeOf } from '../../src/vsock/grpc/frames.ts';
import { runCli, startCli } from '../methods/contract/cli.ts';
import { resultOf } from '../methods/contract/result.ts';
import { needsGo } from '../support/go.ts';
import { olderAgent } from '../support/vsock/agent-double.ts';
import type { OlderAgent } from '../support/vsock/agent-double.ts';
import { run } from '../support/run.ts';
import { startGuestContainer } from '../support/vsock/guest-container.ts';
import type { GuestContainer } from '../support/vsock/guest-container.ts';
import { startHybrid } from '../support/vsock/hybrid-double.ts';
import type { HybridDouble } from '../support/vsock/hybrid-double.ts';
import { waitFor } from '../support/wait-for.ts';

for (const service of ['exec.ExecService', 'guest.GuestService']) {
  describe(`an older agent, with ${service}`, () => {
    let agent: OlderAgent;
    let vmm: HybridDouble;
    let reference: string;

    before(async () => {
      agent = olderAgent(service);
      vmm = await startHybrid({ ports: { 2222: agent.serve } });
      reference = `vsock:${vmm.path}`;
    });

    after(async () => {
      agent?.close();
      await vmm?.die();
    });

    it('runs commands, with their streams, environment and exit code', async () => {
      const script = 'cat; echo "$A $PWD $PROXMOX_LXCRI_EXEC_ID" >&2; exit 42';
      const result = resultOf(
        await runCli(['exec', '--json', '-e', 'A=ä b', '-w', '/tmp', reference, '--', 'sh', '-c', script], {
          stdin: 'input',
        }),
      );
      expect(result).to.deep.include({ exitCode: 42, stdout: 'input', treeKill: false, method: 'vsock' });
      expect(result.stderr).to.equal(`ä b /tmp ${result.id}\n`);
      expect(result.attempts[0]?.reason).to.contain('an older agent');
    });

    it('is not silently relied upon for what it cannot do', async () => {
      const ran = agent.starts.length;
      for (const flags of [
        ['-u', 'nobody'],
        ['--timeout', '1m'],
      ]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { exitCode, started, error } = resultOf(
          // oxlint-disable-next-line no-await-in-loop -- as above
          await runCli(['exec', '--json', ...flags, reference, '--', 'true']),
        );
        expect([exitCode, started, error?.code]).to.deep.equal([125, false, 'NoMethodAvailable']);
      }
      expect(agent.starts.length).to.equal(ran);
    });

    it('says so when there is no such command, and with -v what it lacks', async () => {
      const missing = await runCli(['exec', reference, '--', 'no-such-command']);
      expect([missing.exitCode, missing.stderr.toString()]).to.deep.equal([
        127,
        'proxmox-lxcri: CommandNotFound: no command "no-such-command" in the guest; check its name, and PATH with -e PATH=...\n',
      ]);
      const verbose = await runCli(['exec', '-v', reference, '--', 'true']);
      expect(verbose.stderr.toString()).to.contain('passes on no signals');
    });

    it('does not hold a program that has called it', async () => {
      const program = `
        import { createRuntime } from ${JSON.stringify(resolve(import.meta.dirname, '../../dist/index.js'))};
        const runtime = createRuntime();
        for (let count = 0; count < 2; count++) {
          const { exitCode, stdout } = await runtime.exec(${JSON.stringify(reference)}, ['echo', 'done']);
          console.log(exitCode, stdout.trim());
        }`;
      const asked = vmm.asked.length;
      const ended = await run([process.execPath, '--input-type=module', '--eval', program], { timeoutMs: 25_000 });
      expect([ended.exitCode, ended.stdout]).to.deep.equal([0, '0 done\n0 done\n']);
      expect(vmm.asked.length - asked).to.equal(1);
    });

    it('is left at once by a client that is to end', async () => {
      const cli = startCli(['exec', '--json', reference, '--', 'sh', '-c', 'echo begun; exec sleep 5']);
      await waitFor(() => agent.starts.at(-1)?.command.at(-1)?.includes('begun'), { what: 'the command to start' });
      cli.child.kill('SIGTERM');
      expect(resultOf(await cli.ended)).to.deep.include({ exitCode: 143, canceled: true, treeKill: false });
    });
  });
}

describe('a client of the published protocols', () => {
  let guest: GuestContainer;
  let connection: GrpcConnection;

  before(async function () {
    needsGo(this);
    guest = await startGuestContainer();
    const { signal } = new AbortController();
    const line = await dial({ kind: 'hybrid', path: guest.vmm.path, port: 2222 }, signal);
    connection = await GrpcConnection.open(line.socket, 60_000, signal);
  });

  after(async () => {
    connection?.close();
    await guest?.stop();
  });

  /** What comes in answer to a start with these words, by field, and the status. */
  async function answers(
    path: string,
    words: readonly string[],
    input: string,
  ): Promise<{ fields: [number, unknown][]; status: unknown }> {
    const fields: [number, unknown][] = [];
    const call = connection.call(path, (pieces) => {
      const reader = new BinaryReader(wholeOf(pieces));
      while (reader.pos < reader.len) {
        const [field, type] = reader.tag();
        if (field >= 100) reader.skip(type, field);
        else fields.push([field, type === WireType.Varint ? reader.int32() : Buffer.from(reader.bytes()).toString()]);
      }
    });
    const start = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
    for (const word of words) start.tag(1, WireType.LengthDelimited).string(word);
    start.tag(4, WireType.LengthDelimited).string('/tmp');
    call.send(start.join().finish());
    call.send(new BinaryWriter().tag(2, WireType.LengthDelimited).string(input).finish());
    call.finish();
    const end = await call.ended;
    return { fields, status: end.kind === 'status' ? end.status.code : end };
  }

  for (const path of ['/exec.ExecService/Exec', '/guest.GuestService/Exec'])
    it(`runs commands by our agent, at ${path}`, async () => {
      const { fields, status } = await answers(path, ['sh', '-c', 'pwd; cat >&2; exit 42'], 'input');
      expect(fields.toSorted(([one], [other]) => one - other)).to.deep.equal([
        [1, '/tmp\n'],
        [2, 'input'],
        [3, 42],
      ]);
      expect(fields.at(-1)?.[0]).to.equal(3);
      expect(status).to.equal(0);
    });

  it('is told in its own words when a command cannot be started', async () => {
    const { fields } = await answers('/exec.ExecService/Exec', ['no-such-command'], '');
    expect(fields.at(-1)).to.deep.equal([3, 127]);
    expect(fields.find(([field]) => field === 2)?.[1]).to.contain('no-such-command');
  });
});
