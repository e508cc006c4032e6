/** Our hand-written messages against the proto file, which is what agents are built from. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect } from 'chai';

import {
  FIELDS,
  TARGET,
  controlRequest,
  helloRequest,
  olderStartRequest,
  parseControl,
  parseHello,
  parseResponse,
  resizeRequest,
  startRequest,
  stdinCloseRequest,
  stdinHead,
} from '../../src/vsock/protocol.ts';

const PROTO = readFileSync(resolve(import.meta.dirname, '../../guest-agent/proto/exec.proto'), 'utf8');

interface Field {
  readonly name: string;
  readonly type: string;
}

/** The fields of each message of the proto file, by number. */
function messagesOf(proto: string): Map<string, Map<number, Field>> {
  const messages = new Map<string, Map<number, Field>>();
  let fields = new Map<number, Field>();
  for (const line of proto.split('\n')) {
    const message = /^message (\w+) \{/.exec(line)?.[1];
    if (message !== undefined) messages.set(message, (fields = new Map()));
    const [, type, name, number] = /^\s+((?:repeated |optional )?[\w<>, ]+?) (\w+) = (\d+);/.exec(line) ?? [];
    if (name !== undefined && type !== undefined) fields.set(Number(number), { name, type });
  }
  return messages;
}

const MESSAGES = messagesOf(PROTO);

/** A message read by what the proto file says, and by nothing else. */
function decoded(name: string, bytes: Uint8Array): Record<string, unknown> {
  const fields = MESSAGES.get(name);
  const reader = new BinaryReader(bytes);
  const found: Record<string, unknown> = {};
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = fields?.get(number);
    if (field === undefined) throw new Error(`${name} has no field ${number}`);
    const type = field.type.replace(/^(repeated|optional) /, '');
    const value = valueOf(type, wire, reader);
    if (field.type.startsWith('map<')) found[field.name] = { ...(found[field.name] as object), ...(value as object) };
    else if (field.type.startsWith('repeated '))
      found[field.name] = [...((found[field.name] as unknown[]) ?? []), value];
    else found[field.name] = value;
  }
  return found;
}

function valueOf(type: string, wire: WireType, reader: BinaryReader): unknown {
  const expected = (wanted: WireType): void => void expect(wire, type).to.equal(wanted);
  switch (type) {
    case 'bool':
      expected(WireType.Varint);
      return reader.bool();
    case 'int32':
    case 'Target':
      expected(WireType.Varint);
      return reader.int32();
    case 'uint32':
      expected(WireType.Varint);
      return reader.uint32();
    case 'uint64':
      expected(WireType.Varint);
      return Number(reader.uint64());
    case 'string':
      expected(WireType.LengthDelimited);
      return reader.string(true);
    case 'bytes':
      expected(WireType.LengthDelimited);
      return Buffer.from(reader.bytes()).toString('latin1');
    default: {
      expected(WireType.LengthDelimited);
      if (!type.startsWith('map<')) return decoded(type, reader.bytes());
      const entry = new BinaryReader(reader.bytes());
      const pair = ['', ''];
      while (entry.pos < entry.len) pair[entry.tag()[0] - 1] = entry.string(true);
      return { [pair[0] ?? '']: pair[1] };
    }
  }
}

describe('the messages of the agent', () => {
  it('have the names and numbers of the proto file', () => {
    for (const [message, fields] of Object.entries(FIELDS))
      for (const [name, number] of Object.entries(fields))
        expect(MESSAGES.get(message)?.get(number)?.name, `${message}.${name}`).to.equal(name);
    const target = /enum Target \{([^}]*)\}/.exec(PROTO)?.[1] ?? '';
    const numbers = [...target.matchAll(/(\w+) = (\d+);/g)].map(([, name = '', number]) => [
      name.toLowerCase(),
      Number(number),
    ]);
    expect(Object.entries(TARGET)).to.deep.equal(numbers);
  });

  it('start a command with all that it needs', () => {
    const bytes = startRequest({
      id: 'an-id',
      argv: ['echo', Buffer.of(0xff, 0x61), '', 'ä'],
      env: new Map([['A', '1=2']]),
      workdir: '/tmp',
      user: 'app',
      group: 'extra',
      hasInput: false,
      terminal: { columns: 100, rows: 30, type: 'xterm' },
    });
    expect(decoded('ExecRequest', bytes)).to.deep.equal({
      start: {
        protocol: 1,
        execution_id: 'an-id',
        argv: ['echo', '\u00ffa', '', Buffer.from('ä').toString('latin1')],
        environ: ['A=1=2'],
        cwd_bytes: '/tmp',
        user: 'app',
        group: 'extra',
        no_stdin: true,
        tty: true,
        rows: 30,
        cols: 100,
        term: 'xterm',
      },
    });
  });

  it('start one by an older agent with the fields that it knows', () => {
    const bytes = olderStartRequest({
      argv: ['echo', 'ä'],
      env: new Map([
        ['A', '1'],
        ['B', 'ä€'],
      ]),
      workdir: '/tmp',
      terminal: { columns: 100, rows: 30, type: 'xterm' },
    });
    expect(decoded('ExecRequest', bytes)).to.deep.equal({
      start: { command: ['echo', 'ä'], env: { A: '1', B: 'ä€' }, cwd: '/tmp', tty: true, rows: 30, cols: 100 },
    });
  });

  it('carry input, sizes, signals and what nobody reads', () => {
    expect(decoded('ExecRequest', Buffer.concat([stdinHead(2), Buffer.of(0, 255)]))).to.deep.equal({
      stdin: '\0\u00ff',
    });
    expect(decoded('ExecRequest', stdinCloseRequest())).to.deep.equal({ stdin_close: {} });
    expect(decoded('ExecRequest', resizeRequest(100, 30))).to.deep.equal({ resize: { rows: 30, cols: 100 } });
    const control = (what: Parameters<typeof controlRequest>[1]): unknown =>
      decoded('ControlRequest', controlRequest('an-id', what));
    expect(control({ kind: 'signal', number: 15, target: TARGET.tree, killAfterMs: 86_400_000 })).to.deep.equal({
      execution_id: 'an-id',
      signal: { number: 15, target: 2, kill_after_ms: 86_400_000 },
    });
    expect(control({ kind: 'resize', columns: 100, rows: 30 })).to.deep.equal({
      execution_id: 'an-id',
      resize: { rows: 30, cols: 100 },
    });
    expect(control({ kind: 'close-output', stream: 'stderr' })).to.deep.equal({
      execution_id: 'an-id',
      close_output: { stderr: true },
    });
    expect(decoded('HelloRequest', helloRequest('me'))).to.deep.equal({ client: 'me' });
  });
});

/** A message made by the proto file's numbers. */
function encoded(name: string, values: Record<string, unknown>): Buffer {
  const writer = new BinaryWriter();
  for (const [number, field] of MESSAGES.get(name) ?? []) {
    const value = values[field.name];
    const type = field.type.replace(/^(repeated|optional) /, '');
    for (const each of Array.isArray(value) ? value : value === undefined ? [] : [value]) {
      if (typeof each === 'boolean') writer.tag(number, WireType.Varint).bool(each);
      else if (typeof each === 'number') writer.tag(number, WireType.Varint).int32(each);
      else if (typeof each === 'string') writer.tag(number, WireType.LengthDelimited).bytes(Buffer.from(each));
      else writer.tag(number, WireType.LengthDelimited).bytes(encoded(type, each as Record<string, unknown>));
    }
  }
  return Buffer.from(writer.finish());
}

describe('what an agent says', () => {
  it('is output, a start, and an end', () => {
    const said = (values: Record<string, unknown>): unknown => parseResponse([encoded('ExecResponse', values)]);
    expect(said({ stdout: 'a' })).to.deep.equal({ kind: 'stdout', pieces: [Buffer.from('a')] });
    expect(said({ stderr: 'b' })).to.deep.equal({ kind: 'stderr', pieces: [Buffer.from('b')] });
    expect(said({ started: { pid: 7, execution_id: 'x' } })).to.deep.equal({ kind: 'started' });
    expect(said({ exit_code: -1 })).to.deep.equal({ kind: 'ended', exitCode: -1, exit: undefined, error: undefined });
    expect(said({ exit_code: 0 })).to.deep.equal({ kind: 'ended', exitCode: 0, exit: undefined, error: undefined });
    expect(
      said({ exit_code: 137, exit: { signal: 9, signal_name: 'SIGKILL', left: 2, output_incomplete: true } }),
    ).to.deep.equal({
      kind: 'ended',
      exitCode: 137,
      exit: { signal: 9, signalName: 'SIGKILL', outputIncomplete: true, left: 2 },
      error: undefined,
    });
    expect(said({ exit_code: 127, error: { code: 'CommandNotFound', message: 'no' } })).to.deep.include({
      error: { code: 'CommandNotFound', message: 'no' },
    });
  });

  it('is the same in whatever pieces it comes', () => {
    for (const kind of ['stdout', 'stderr'] as const) {
      const text = 'x'.repeat(300);
      const whole = encoded('ExecResponse', { [kind]: text });
      for (let at = 0; at <= whole.length; at++) {
        const said = parseResponse([whole.subarray(0, at), whole.subarray(at)]);
        if (said.kind !== kind) throw new Error(`${said.kind}, cut at ${at}`);
        expect(Buffer.concat(said.pieces).toString(), `cut at ${at}`).to.equal(text);
      }
    }
    const ended = encoded('ExecResponse', { exit_code: 7 });
    expect(parseResponse([ended.subarray(0, 1), ended.subarray(1)])).to.deep.include({ kind: 'ended', exitCode: 7 });
  });

  it('may be of a later version, which is passed over', () => {
    const later = Buffer.from(new BinaryWriter().tag(4000, WireType.LengthDelimited).string('new').finish());
    expect(parseResponse([later])).to.deep.equal({ kind: 'other' });
    expect(parseResponse([])).to.deep.equal({ kind: 'other' });
    expect(parseResponse([later, encoded('ExecResponse', { exit_code: 3 })])).to.deep.include({
      kind: 'ended',
      exitCode: 3,
    });
  });

  it('may be nonsense, which is an error and no answer', () => {
    for (const bytes of [[0x0a, 0x7f, 1], [0xff], [0x0a]]) expect(() => parseResponse([Buffer.from(bytes)])).to.throw();
  });

  it('is who it is, and what it is asked', () => {
    const hello = encoded('HelloResponse', {
      agent: 'a',
      version: '1',
      protocol: 1,
      capabilities: ['user', 'cgroup'],
      max_message_bytes: 4_194_304,
      root: '/',
    });
    expect(parseHello(hello)).to.deep.equal({
      agent: 'a',
      version: '1',
      protocol: 1,
      capabilities: ['user', 'cgroup'],
      maxMessageBytes: 4_194_304,
    });
    expect(parseControl(encoded('ControlResponse', { left: 3 }))).to.deep.equal({ left: 3 });
    expect(parseControl(Buffer.alloc(0))).to.deep.equal({ left: 0 });
  });
});
