/**
 * `exec vsock:CID` over real AF_VSOCK: the client runs in a guest, which sees the file system of this host (hostfs), and its
 * agent is in the same guest (CID 1, the loopback of vsock). A host needs vhost_vsock for it, which few have that build this.
 */
import { resolve } from 'node:path';

import { expect } from 'chai';

import { guestAgent } from '../../scripts/guest-agent.ts';
import { findExecutable } from '../../src/process/executable.ts';
import { CLI, runCli } from '../methods/contract/cli.ts';
import type { CliResult } from '../methods/contract/cli.ts';
import { needs } from '../support/component.ts';
import { startMicroVm } from '../support/microvm/microvm.ts';
import type { MicroVm } from '../support/microvm/microvm.ts';
import { needsMicroVm } from '../support/microvm/needs.ts';

/** A guest is slow: it is an ordinary program, whose every system call is another one's. */
const SLOW_MS = 300_000;

describe('a microVM by its CID', function () {
  this.timeout(SLOW_MS);

  let guest: MicroVm;

  before(async function () {
    needsMicroVm(this);
    needs(this, 'socat', findExecutable('socat') !== undefined);
    guest = await startMicroVm({
      agent: guestAgent(),
      args: ['--allow-cid', '2', '--allow-cid', '1'],
      // For Node.js.
      memory: '512M',
    });
    const places = 'mkdir /host && mount -t hostfs -o ro,/ none /host && mount -o rbind /dev /host/dev';
    const seen = await inGuest(`${places} && mount -t proc proc /host/proc && test -x "/host$0"`, resolve(CLI));
    expect([seen.exitCode, seen.stderr.toString()]).to.deep.equal([0, '']);
  });

  after(() => guest?.stop());

  /** What a shell of the guest does, and not that of this host. */
  function inGuest(script: string, ...words: string[]): Promise<CliResult> {
    return runCli(['exec', `vsock:${guest.hybridSocket}`, '--', 'sh', '-c', script, ...words], { timeoutMs: SLOW_MS });
  }

  it('runs a command there, whose streams and exit code come through unchanged', async () => {
    const script = `
      head -c 2097152 /dev/urandom >/tmp/data
      chroot /host "$0" exec -e A=1 vsock:1 -- sh -c 'cat; echo "err $A" >&2; exit 42' </tmp/data >/tmp/came
      code=$?
      cmp /tmp/data /tmp/came && exit $code`;
    const { exitCode, stdout, stderr } = await inGuest(script, resolve(CLI));
    expect([exitCode, stdout.toString(), stderr.toString()]).to.deep.equal([42, '', 'err 1\n']);
  });

  it('says why there is no connection', async () => {
    const { exitCode, stderr } = await inGuest('chroot /host "$0" exec vsock:1:2223 -- true', resolve(CLI));
    expect(exitCode).to.equal(125);
    expect(stderr.toString()).to.match(
      /^proxmox-lxcri: PlatformUnreachable: no agent listens on port 2223 .*: nobody listens/,
    );
  });
});
