/** An agent that speaks as ours does, and does with a command whatever a test wants. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';

import { grpcServer } from './agent-double.ts';
import type { GrpcServer, ServedCall } from './agent-double.ts';

/** The fields of a message by number: numbers of varints, bytes of all else, in the order in which they come. */
export type Fields = ReadonlyMap<number, readonly (number | Buffer)[]>;

export function fieldsOf(message: Uint8Array): Fields {
  const reader = new BinaryReader(message);
  const found = new Map<number, (number | Buffer)[]>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const value = type === WireType.Varint ? Number(reader.uint64()) : Buffer.from(reader.bytes());
    found.set(field, [...(found.get(field) ?? []), value]);
  }
  return found;
}

/** A message inside of another. */
export function inner(fields: Fields, number: number): Fields | undefined {
  const value = fields.get(number)?.[0];
  return typeof value === 'object' ? fieldsOf(value) : undefined;
}

/** A command as the agent sees it. */
export class ServedExec {
  /** ExecStart. */
  readonly start: Fields;
  /** Every further message. */
  readonly messages: Fields[] = [];
  readonly call: ServedCall;

  constructor(call: ServedCall, start: Fields) {
    this.call = call;
    this.start = start;
  }

  get id(): string {
    return String(this.start.get(101)?.[0]);
  }

  started(): this {
    this.call.send((writer) =>
      writer.tag(100, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(7).join(),
    );
    return this;
  }

  output(stream: 1 | 2, bytes: Uint8Array | string): this {
    this.call.send((writer) => writer.tag(stream, WireType.LengthDelimited).bytes(Buffer.from(bytes)));
    return this;
  }

  /** ExecResponse with an exit code, and what goes with it. */
  exit(code: number, exit: Record<number, number | string> = {}): this {
    this.call.send((writer) => {
      writer.tag(3, WireType.Varint).int32(code);
      embed(writer, 101, exit);
    });
    return this;
  }

  refuse(code: string, message: string): this {
    this.call.send((writer) => {
      writer.tag(3, WireType.Varint).int32(127);
      embed(writer, 102, { 1: code, 2: message });
    });
    return this;
  }

  end(status = 0, message = ''): void {
    this.call.end(status, message);
  }
}

function embed(writer: BinaryWriter, number: number, fields: Record<number, number | string>): void {
  writer.tag(number, WireType.LengthDelimited).fork();
  for (const [field, value] of Object.entries(fields)) {
    if (typeof value === 'number') writer.tag(Number(field), WireType.Varint).int32(value);
    else writer.tag(Number(field), WireType.LengthDelimited).string(value);
  }
  writer.join();
}

export interface OwnAgentOptions {
  readonly capabilities?: readonly string[];
  /** Called for every command. */
  readonly exec?: (exec: ServedExec) => void;
  /** Answers Control: how many processes are left, `'ended'` for one that is not known, or nothing at all. */
  readonly control?: (request: Fields) => number | 'ended' | undefined;
}

export interface OwnAgent extends GrpcServer {
  readonly execs: readonly ServedExec[];
  readonly controls: readonly Fields[];
}

export function ownAgent({ capabilities = ['user'], exec, control }: OwnAgentOptions = {}): OwnAgent {
  const execs: ServedExec[] = [];
  const controls: Fields[] = [];
  const server = grpcServer(
    (path, got) => {
      if (path === '/guest.GuestService/Hello') {
        return {
          message: () => {
            got().send((writer) => {
              writer.tag(1, WireType.LengthDelimited).string('double');
              writer.tag(3, WireType.Varint).uint32(1);
              for (const each of capabilities) writer.tag(4, WireType.LengthDelimited).string(each);
              writer.tag(8, WireType.Varint).uint32(4 * 1024 * 1024);
            });
            got().end(0);
          },
        };
      }
      if (path === '/guest.GuestService/Control') {
        return {
          message: (message) => {
            const request = fieldsOf(message);
            controls.push(request);
            const left = control?.(request) ?? 0;
            if (left === 'ended') return got().end(5, 'no such execution');
            got().send((writer) => writer.tag(1, WireType.Varint).uint32(left));
            got().end(0);
          },
        };
      }
      if (path !== '/guest.GuestService/Exec') return undefined;
      let served: ServedExec | undefined;
      return {
        message: (message) => {
          const fields = fieldsOf(message);
          if (served !== undefined) {
            served.messages.push(fields);
            return;
          }
          served = new ServedExec(got(), inner(fields, 1) ?? new Map());
          execs.push(served);
          exec?.(served);
        },
      };
    },
    ['guest.GuestService'],
  );
  return { ...server, execs, controls };
}
