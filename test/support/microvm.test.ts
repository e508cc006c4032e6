import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { dialHybrid } from './microvm/dial.ts';
import { goProgram } from './microvm/go-program.ts';
import { type MicroVm, startMicroVm } from './microvm/microvm.ts';
import { needsMicroVm } from './microvm/needs.ts';

const ECHO = 2222;
const MIB = 1024 * 1024;

describe('a guest that is reached over vsock', function () {
  this.timeout(120_000);
  let vm: MicroVm;

  before(async function () {
    needsMicroVm(this);
    vm = await startMicroVm({ agent: await goProgram('echo-guest') });
  });

  after(() => vm?.stop());

  async function dial(port: number): Promise<Socket> {
    const socket = await dialHybrid(vm.hybridSocket, port);
    if (socket === undefined) throw new Error(`nobody at port ${port}`);
    return socket;
  }

  it('gives back what it was sent, byte for byte', async () => {
    const socket = await dial(ECHO);
    const count = 64;
    const piece = randomBytes(MIB);
    const [sent, got] = [createHash('sha256'), createHash('sha256')];
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      got.update(chunk);
      bytes += chunk.length;
    });
    for (let i = 0; i < count; i++) {
      sent.update(piece);
      if (!socket.write(piece)) await once(socket, 'drain');
    }
    socket.end();
    await once(socket, 'end');
    expect(bytes).to.equal(count * MIB);
    expect(got.digest('hex')).to.equal(sent.digest('hex'));
  });
});
