import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';

import { expect } from 'chai';

import { visitConsole } from '../../../src/methods/console/visit.ts';
import { LxcriError } from '../../../src/model/errors.ts';
import type { RawTerminal } from '../../../src/model/raw-terminal.ts';
import type { ApiAccess } from '../../../src/model/remote.ts';
import type { Session } from '../../../src/model/session.ts';
import { requestOf } from '../../oci/requests.ts';

const END = '\u001b[999H\r\n[EOF - dtach terminating]\r\n\u001b[?25h';

/** A terminal that a test is both ends of. */
class FakeTerminal implements RawTerminal {
  readonly input = new PassThrough();
  readonly output = new PassThrough();
  readonly sizes: (readonly [number, number])[] = [];
  readonly ended: Promise<{ said: string }>;
  closed = false;
  held = false;

  constructor() {
    this.ended = new Promise((resolve) => this.output.once('close', () => resolve({ said: 'the server closed it' })));
  }

  resize(columns: number, rows: number): void {
    this.sizes.push([columns, rows]);
  }

  close(): void {
    this.closed = true;
    this.output.destroy();
  }

  hold(held: boolean): void {
    this.held = held;
  }
}

interface Visited {
  readonly terminal: FakeTerminal;
  readonly session: Session;
  readonly shown: () => Promise<string>;
}

async function visit(config: object | LxcriError = {}, type: 'lxc' | 'qemu' = 'lxc'): Promise<Visited> {
  const terminal = new FakeTerminal();
  const api: ApiAccess = {
    context: 'home',
    node: 'pve1',
    vmid: '101',
    type,
    routes: [],
    login: 'token',
    call: (method, path) => {
      expect([method, path]).to.deep.equal(['GET', `/nodes/pve1/${type}/101/config`]);
      return (config instanceof LxcriError ? Promise.reject(config) : Promise.resolve(config)) as Promise<never>;
    },
    execEndpoint: () => Promise.resolve(''),
    openNodeShell: () => Promise.reject(new Error('no shell of a node')),
    openConsole: () => Promise.resolve(terminal),
  };
  const request = requestOf({ command: [], terminal: { columns: 90, rows: 25, type: 'xterm' } });
  const session = await visitConsole(api, request, new AbortController().signal);
  return { terminal, session, shown: () => textOf(session.stdout) };
}

async function textOf(stream: Readable | null): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('a visit to a console', () => {
  it('says beforehand what it is', async () => {
    const denied = new LxcriError('PermissionDenied', 'no VM.Audit');
    const notices = await Promise.all(
      [{ cmode: 'shell' }, { cmode: 'console' }, {}, denied].map(
        async (config) => (await visit(config)).session.notice,
      ),
    );
    expect(notices).to.deep.equal([
      "this is a shell on the container's console, shared with everybody who looks at it; Ctrl-a q leaves it",
      "this is the container's console, shared with everybody who looks at it; Ctrl-a q leaves it",
      "this is the container's console, shared with everybody who looks at it; log in there, and out again; Ctrl-a q leaves it",
      "this is the container's console, shared with everybody who looks at it; log in there, and out again; Ctrl-a q leaves it",
    ]);
  });

  it('takes a serial port of a virtual machine that is a socket, and no other', async () => {
    expect((await visit({ serial2: 'socket' }, 'qemu')).session.notice).to.include('serial console');
    for (const config of [{}, { serial0: '/dev/ttyS0' }]) {
      const error = await visit(config, 'qemu').catch((thrown: unknown) => thrown as Error);
      expect(error).to.have.property('name', 'NotStartedError');
      expect(error).to.have.property('message').that.includes('qm set 101 --serial0 socket');
    }
  });

  it('passes keys, output and sizes on', async () => {
    const { terminal, session, shown } = await visit();
    session.resize(70, 20);
    expect(terminal.sizes).to.deep.equal([
      [90, 25],
      [70, 20],
    ]);
    session.stdin?.write('typed\r');
    terminal.output.write('shown\r\n');
    session.stdin?.write('\u0001qlost');
    expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 0, signal: null });
    expect([await shown(), String(terminal.input.read()), terminal.closed, terminal.held]).to.deep.equal([
      'shown\r\n',
      'typed\r',
      true,
      false,
    ]);
  });

  it('is over when dtach says so last, though nobody ends the connection', async () => {
    const { terminal, session, shown } = await visit();
    session.stdin?.write('exit\r');
    terminal.output.write(END.slice(0, 20));
    terminal.output.write(END.slice(20));
    const text = shown();
    expect(await session.exit).to.deep.equal({ kind: 'exited', exitCode: 0, signal: null });
    expect(await text).to.equal(`${END}\r\n`);
  });

  it('that ends without a key is no success', async () => {
    const { terminal, session } = await visit();
    session.stdout?.resume();
    terminal.output.end(END);
    expect(await session.exit).to.deep.equal({ kind: 'lost', reason: 'the console has ended by itself, and says why' });
  });

  it('goes on when something else says so, and is lost without it', async () => {
    const { terminal, session, shown } = await visit();
    const text = shown();
    terminal.output.write(END);
    terminal.output.write('more');
    terminal.output.end();
    expect(await session.exit).to.deep.equal({
      kind: 'lost',
      reason: 'the connection to the console was lost (the server closed it)',
    });
    // What comes next begins a line.
    expect(await text).to.equal(`${END}more\r\n`);
  });

  it('is left by what ends us, and by nothing else', async () => {
    const { terminal, session } = await visit();
    session.stdout?.resume();
    session.signal('SIGWINCH');
    session.signal('SIGUSR1');
    expect(terminal.closed).to.equal(false);
    session.signal('SIGTERM');
    expect([(await session.exit).kind, terminal.closed, await session.kill()]).to.deep.equal(['lost', true, true]);
  });
});
