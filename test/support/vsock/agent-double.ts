/**
 * Agents that are not ours, served from this process: gRPC on node:http2, its messages written and read here field by field,
 * and not by the code under test.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** The start of a command, as the published protocols have it. */
export interface OlderStart {
  command: string[];
  tty: boolean;
  env: Map<string, string>;
  cwd: string;
  rows: number;
  cols: number;
}

/** One call on its way, as the server sees it. */
export class ServedCall {
  readonly stream: ServerHttp2Stream;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: ServerHttp2Stream, onMessage: (message: Buffer) => void, onEnd: () => void) {
    this.stream = stream;
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt32BE(1)) {
        const end = 5 + this.#rest.readUInt32BE(1);
        onMessage(this.#rest.subarray(5, end));
        this.#rest = this.#rest.subarray(end);
      }
    });
    stream.on('end', onEnd);
  }

  respond(): void {
    if (!this.stream.headersSent)
      this.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  }

  /** Sends a message with these fields. */
  send(fields: (writer: BinaryWriter) => void): void {
    if (this.stream.destroyed) return;
    this.respond();
    const writer = new BinaryWriter();
    fields(writer);
    const message = writer.finish();
    const header = Buffer.alloc(5);
    header.writeUInt32BE(message.length, 1);
    this.stream.write(Buffer.concat([header, message]));
  }

  /** Ends it as a server does that has sent messages, or none. */
  end(code: number, message = ''): void {
    if (this.stream.destroyed) return;
    const trailers = { 'grpc-status': String(code), 'grpc-message': encodeURIComponent(message) };
    if (!this.stream.headersSent) {
      this.stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
      return;
    }
    this.stream.once('wantTrailers', () => this.stream.sendTrailers(trailers));
    this.stream.end();
  }
}

/** What a server does with a call of this path; gets the call, and returns who takes its messages. */
export type Handler = (
  path: string,
  call: () => ServedCall,
) => { message?: (message: Buffer) => void; end?: () => void } | undefined;

export interface GrpcServer {
  /** Serves a connection. */
  readonly serve: (socket: Socket) => void;
  /** The paths that were called. */
  readonly calls: readonly string[];
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  close(): void;
}

/** A server of gRPC; a path that its handler does not know is answered as servers in Go do. */
export function grpcServer(handler: Handler, services: readonly string[]): GrpcServer {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  const calls: string[] = [];
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    const path = String(headers[':path']);
    calls.push(path);
    // oxlint-disable-next-line prefer-const -- it is there before anything comes
    let takers: ReturnType<Handler>;
    const call = new ServedCall(
      stream,
      (message) => takers?.message?.(message),
      () => takers?.end?.(),
    );
    takers = handler(path, () => call);
    if (takers !== undefined) return;
    const [, service = '', method = ''] = path.split('/');
    call.end(
      12,
      services.includes(service) ? `unknown method ${method} for service ${service}` : `unknown service ${service}`,
    );
  });
  return {
    serve: (socket) => void server.emit('connection', socket),
    calls,
    sessions,
    close: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** An agent of the published protocols, as its first versions were: no resize, no signals, and it lets go of what it ran. */
export interface OlderAgent extends GrpcServer {
  readonly starts: readonly OlderStart[];
}

/** @param service `exec.ExecService` or `guest.GuestService`. */
export function olderAgent(service: string): OlderAgent {
  const starts: OlderStart[] = [];
  const children = new Set<ReturnType<typeof spawn>>();
  const server = grpcServer(
    (path, got) => {
      if (path !== `/${service}/Exec`) return undefined;
      let child: ReturnType<typeof spawn> | undefined;
      return {
        message: (message) => {
          const call = got();
          const { start, stdin } = olderRequest(message);
          if (stdin !== undefined) child?.stdin?.write(stdin);
          if (start === undefined) return;
          starts.push(start);
          child = runOlder(start, call);
          if (child !== undefined) children.add(child);
        },
        end: () => child?.stdin?.end(),
      };
    },
    [service],
  );
  const close = (): void => {
    server.close();
    // It lets go of what it runs; the tests do not.
    for (const child of children) child.kill('SIGKILL');
  };
  return { ...server, close, starts };
}

function runOlder({ command, env, cwd }: OlderStart, call: ServedCall): ReturnType<typeof spawn> | undefined {
  const [file = '', ...args] = command;
  if (command.length === 0) {
    call.end(2, 'empty command');
    return undefined;
  }
  const child = spawn(file, args, { cwd: cwd || '/', env: { ...process.env, ...Object.fromEntries(env) } });
  child.on('error', () => call.end(2, `start command: exec: "${file}": executable file not found in $PATH`));
  for (const stream of child.stdio) stream?.on('error', () => {});
  child.stdout.on('data', (bytes: Buffer) =>
    call.send((writer) => writer.tag(1, WireType.LengthDelimited).bytes(bytes)),
  );
  child.stderr.on('data', (bytes: Buffer) =>
    call.send((writer) => writer.tag(2, WireType.LengthDelimited).bytes(bytes)),
  );
  child.on('close', (code) => {
    // ProcessState.ExitCode of Go is -1 after a signal.
    call.send((writer) => writer.tag(3, WireType.Varint).int32(code ?? -1));
    call.end(0);
  });
  return child;
}

function olderRequest(message: Buffer): { start?: OlderStart; stdin?: Uint8Array } {
  const reader = new BinaryReader(message);
  const found: { start?: OlderStart; stdin?: Uint8Array } = {};
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) found.start = olderStart(reader.bytes());
    else if (field === 2) found.stdin = reader.bytes();
    else reader.skip(type, field);
  }
  return found;
}

function olderStart(bytes: Uint8Array): OlderStart {
  const reader = new BinaryReader(bytes);
  const start: OlderStart = { command: [], tty: false, env: new Map(), cwd: '', rows: 0, cols: 0 };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) start.command.push(reader.string());
    else if (field === 2) start.tty = reader.bool();
    else if (field === 3) start.env.set(...entryOf(reader.bytes()));
    else if (field === 4) start.cwd = reader.string();
    else if (field === 6) start.rows = reader.uint32();
    else if (field === 7) start.cols = reader.uint32();
    else reader.skip(type, field);
  }
  return start;
}

function entryOf(bytes: Uint8Array): [string, string] {
  const reader = new BinaryReader(bytes);
  const entry: [string, string] = ['', ''];
  while (reader.pos < reader.len) {
    const [field] = reader.tag();
    entry[field === 1 ? 0 : 1] = reader.string();
  }
  return entry;
}
