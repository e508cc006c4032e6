import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import { wholeOf } from './grpc/frames.ts';

/**
 * The messages of guest-agent/proto/exec.proto that a client of Exec, Control and Hello writes and reads. The field numbers
 * below 100 are those of the published agents; see there.
 */

/** The fields that we write and read, by message, as exec.proto numbers them. */
export const FIELDS = {
  ExecRequest: { start: 1, stdin: 2, resize: 3, stdin_close: 100 },
  ExecStart: {
    command: 1,
    tty: 2,
    env: 3,
    cwd: 4,
    rows: 6,
    cols: 7,
    protocol: 100,
    execution_id: 101,
    argv: 102,
    environ: 103,
    cwd_bytes: 104,
    user: 105,
    group: 106,
    no_stdin: 111,
    term: 112,
  },
  WindowSize: { rows: 1, cols: 2 },
  ExecResponse: { stdout: 1, stderr: 2, exit_code: 3, started: 100, exit: 101, error: 102 },
  ExecExit: { signal: 2, signal_name: 3, output_incomplete: 6, left: 7 },
  ExecError: { code: 1, message: 2 },
  ControlRequest: { execution_id: 1, signal: 2, resize: 3, close_output: 4 },
  Signal: { number: 1, target: 2, kill_after_ms: 3 },
  CloseOutput: { stdout: 1, stderr: 2 },
  ControlResponse: { left: 1 },
  HelloRequest: { client: 1 },
  HelloResponse: { agent: 1, version: 2, protocol: 3, capabilities: 4, max_message_bytes: 8 },
} as const;

/** What we know of the fields from 100 on. */
const PROTOCOL = 1;

/** How a command is started by an agent of ours. */
export interface StartSpec {
  readonly id: string;
  /** Empty: the user's login shell. */
  readonly argv: readonly (string | Uint8Array)[];
  readonly env: ReadonlyMap<string, string>;
  readonly workdir: string | undefined;
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly hasInput: boolean;
  readonly terminal: { readonly columns: number; readonly rows: number; readonly type: string } | undefined;
}

type Fields = (writer: BinaryWriter) => void;

/** The first message of Exec, for an agent of ours. */
export function startRequest(spec: StartSpec): Uint8Array {
  const { ExecRequest: request, ExecStart: field } = FIELDS;
  return message((writer) =>
    embedded(writer, request.start, (start) => {
      start.tag(field.protocol, WireType.Varint).uint32(PROTOCOL);
      text(start, field.execution_id, spec.id);
      for (const word of spec.argv) start.tag(field.argv, WireType.LengthDelimited).bytes(Buffer.from(word));
      for (const [key, value] of spec.env)
        start.tag(field.environ, WireType.LengthDelimited).bytes(Buffer.from(`${key}=${value}`));
      if (spec.workdir !== undefined)
        start.tag(field.cwd_bytes, WireType.LengthDelimited).bytes(Buffer.from(spec.workdir));
      if (spec.user !== undefined) text(start, field.user, spec.user);
      if (spec.group !== undefined) text(start, field.group, spec.group);
      if (!spec.hasInput) start.tag(field.no_stdin, WireType.Varint).bool(true);
      if (spec.terminal === undefined) return;
      terminalOf(start, spec.terminal);
      text(start, field.term, spec.terminal.type);
    }),
  );
}

/** The same for an agent of the published protocols. */
export function olderStartRequest(spec: Pick<StartSpec, 'argv' | 'env' | 'workdir' | 'terminal'>): Uint8Array {
  const { ExecRequest: request, ExecStart: field } = FIELDS;
  return message((writer) =>
    embedded(writer, request.start, (start) => {
      for (const word of spec.argv) text(start, field.command, String(word));
      for (const [key, value] of spec.env)
        embedded(start, field.env, (entry) => {
          text(entry, MAP_KEY, key);
          text(entry, MAP_VALUE, value);
        });
      if (spec.workdir !== undefined) text(start, field.cwd, spec.workdir);
      if (spec.terminal !== undefined) terminalOf(start, spec.terminal);
    }),
  );
}

/** An entry of a map is a message of these (protobuf encoding, "Maps"). */
const MAP_KEY = 1;
const MAP_VALUE = 2;

function terminalOf(start: BinaryWriter, { columns, rows }: { columns: number; rows: number }): void {
  const { ExecStart: field } = FIELDS;
  start.tag(field.tty, WireType.Varint).bool(true);
  start.tag(field.rows, WireType.Varint).uint32(rows);
  start.tag(field.cols, WireType.Varint).uint32(columns);
}

/** Input of a running command: what stands before so many bytes, which are the rest of the message. */
export function stdinHead(length: number): Uint8Array {
  return message((writer) => writer.tag(FIELDS.ExecRequest.stdin, WireType.LengthDelimited).uint32(length));
}

/** The end of that, for an agent of ours. */
export function stdinCloseRequest(): Uint8Array {
  return message((writer) => embedded(writer, FIELDS.ExecRequest.stdin_close, () => {}));
}

/** A new size of the terminal, on the stream of the command. */
export function resizeRequest(columns: number, rows: number): Uint8Array {
  return message((writer) => embedded(writer, FIELDS.ExecRequest.resize, windowSize(columns, rows)));
}

function windowSize(columns: number, rows: number): Fields {
  const { WindowSize: field } = FIELDS;
  return (size) => {
    size.tag(field.rows, WireType.Varint).uint32(rows);
    size.tag(field.cols, WireType.Varint).uint32(columns);
  };
}

/** Whom a signal is for (Signal.Target). */
export const TARGET = { group: 0, command: 1, tree: 2 } as const;

/** What Control is asked to do with a running command. */
export type Control =
  | { readonly kind: 'signal'; readonly number: number; readonly target: number; readonly killAfterMs?: number }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  /** Nobody reads this any more. */
  | { readonly kind: 'close-output'; readonly stream: 'stdout' | 'stderr' };

/** A request of Control. */
export function controlRequest(id: string, control: Control): Uint8Array {
  const { ControlRequest: request, Signal: field, CloseOutput: closed } = FIELDS;
  return message((writer) => {
    text(writer, request.execution_id, id);
    if (control.kind === 'resize') {
      embedded(writer, request.resize, windowSize(control.columns, control.rows));
    } else if (control.kind === 'close-output') {
      embedded(writer, request.close_output, (output) =>
        output.tag(closed[control.stream], WireType.Varint).bool(true),
      );
    } else {
      embedded(writer, request.signal, (signal) => {
        signal.tag(field.number, WireType.Varint).int32(control.number);
        signal.tag(field.target, WireType.Varint).int32(control.target);
        if (control.killAfterMs !== undefined)
          signal.tag(field.kill_after_ms, WireType.Varint).uint64(control.killAfterMs);
      });
    }
  });
}

/** A request of Hello. */
export function helloRequest(client: string): Uint8Array {
  return message((writer) => text(writer, FIELDS.HelloRequest.client, client));
}

/** Who an agent of ours is. Nothing of it is trusted. */
export interface Hello {
  readonly agent: string;
  readonly version: string;
  readonly protocol: number;
  readonly capabilities: readonly string[];
  readonly maxMessageBytes: number;
}

export function parseHello(bytes: Uint8Array): Hello {
  const { HelloResponse: field } = FIELDS;
  const found = { agent: '', version: '', protocol: 0, capabilities: [] as string[], maxMessageBytes: 0 };
  eachField(bytes, (reader, number) => {
    if (number === field.agent) found.agent = reader.string();
    else if (number === field.version) found.version = reader.string();
    else if (number === field.protocol) found.protocol = reader.uint32();
    else if (number === field.capabilities) found.capabilities.push(reader.string());
    else if (number === field.max_message_bytes) found.maxMessageBytes = reader.uint32();
    else return false;
    return true;
  });
  return found;
}

/** How many processes were left, after all of them were to be killed. */
export function parseControl(bytes: Uint8Array): { readonly left: number } {
  let left = 0;
  eachField(bytes, (reader, number) => {
    if (number !== FIELDS.ControlResponse.left) return false;
    left = reader.uint32();
    return true;
  });
  return { left };
}

/** What an agent says of a command. */
export type Said =
  | { readonly kind: 'stdout' | 'stderr'; readonly pieces: readonly Buffer[] }
  | { readonly kind: 'started' }
  | {
      readonly kind: 'ended';
      readonly exitCode: number;
      readonly exit: Exit | undefined;
      readonly error: Refusal | undefined;
    }
  /** Something of a later version. */
  | { readonly kind: 'other' };

/** How a command ended, as an agent of ours says it. */
export interface Exit {
  /** 0 where no signal ended it. */
  readonly signal: number;
  readonly signalName: string;
  readonly outputIncomplete: boolean;
  /** Processes that could not be ended. */
  readonly left: number;
}

/** Why a command was not started. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** The longest tag that we know the bytes of, and a length of 32 bits. */
const OUTPUT_HEAD_BYTES = 1 + 5;

/** Output that is the whole of a response, as it always is; the rest of its first piece and the others are not copied. */
function outputIn(pieces: readonly Buffer[]): Said | undefined {
  const [first, ...others] = pieces;
  if (first === undefined || first.length < OUTPUT_HEAD_BYTES) return undefined;
  const reader = new BinaryReader(first);
  const [number, type] = reader.tag();
  const { stdout, stderr } = FIELDS.ExecResponse;
  if ((number !== stdout && number !== stderr) || type !== WireType.LengthDelimited) return undefined;
  const length = reader.uint32();
  const rest = first.subarray(reader.pos);
  if (others.reduce((sum, piece) => sum + piece.length, rest.length) !== length) return undefined;
  return { kind: number === stdout ? 'stdout' : 'stderr', pieces: [rest, ...others] };
}

/** Reads one response of Exec, which came in these pieces. */
export function parseResponse(pieces: readonly Buffer[]): Said {
  return outputIn(pieces) ?? parseWhole(wholeOf(pieces));
}

function parseWhole(bytes: Buffer): Said {
  const { ExecResponse: field } = FIELDS;
  let said: Said = { kind: 'other' };
  let exitCode: number | undefined;
  let exit: Exit | undefined;
  let error: Refusal | undefined;
  eachField(bytes, (reader, number) => {
    if (number === field.stdout) said = { kind: 'stdout', pieces: [asBuffer(reader.bytes())] };
    else if (number === field.stderr) said = { kind: 'stderr', pieces: [asBuffer(reader.bytes())] };
    else if (number === field.exit_code) exitCode = reader.int32();
    else if (number === field.started) {
      said = { kind: 'started' };
      return false;
    } else if (number === field.exit) exit = parseExit(reader.bytes());
    else if (number === field.error) error = parseRefusal(reader.bytes());
    else return false;
    return true;
  });
  return exitCode === undefined ? said : { kind: 'ended', exitCode, exit, error };
}

function parseExit(bytes: Uint8Array): Exit {
  const { ExecExit: field } = FIELDS;
  const found = { signal: 0, signalName: '', outputIncomplete: false, left: 0 };
  eachField(bytes, (reader, number) => {
    if (number === field.signal) found.signal = reader.int32();
    else if (number === field.signal_name) found.signalName = reader.string();
    else if (number === field.output_incomplete) found.outputIncomplete = reader.bool();
    else if (number === field.left) found.left = reader.uint32();
    else return false;
    return true;
  });
  return found;
}

function parseRefusal(bytes: Uint8Array): Refusal {
  const { ExecError: field } = FIELDS;
  const found = { code: '', message: '' };
  eachField(bytes, (reader, number) => {
    if (number === field.code) found.code = reader.string();
    else if (number === field.message) found.message = reader.string();
    else return false;
    return true;
  });
  return found;
}

/** @param take reads the field's value, or returns `false` for one that is not looked at. */
function eachField(bytes: Uint8Array, take: (reader: BinaryReader, number: number) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (!take(reader, number)) reader.skip(type, number);
  }
}

/** The same bytes; nothing is copied. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function message(fields: Fields): Uint8Array {
  const writer = new BinaryWriter();
  fields(writer);
  return writer.finish();
}

function embedded(writer: BinaryWriter, number: number, fields: Fields): void {
  writer.tag(number, WireType.LengthDelimited).fork();
  fields(writer);
  writer.join();
}

function text(writer: BinaryWriter, number: number, value: string): void {
  writer.tag(number, WireType.LengthDelimited).string(value);
}
