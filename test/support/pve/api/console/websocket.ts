/**
 * WebSockets as pveproxy speaks them (RFC 6455, some of it): it goes deaf, without a word, at a frame that it does not
 * take, and it never says goodbye.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Settings } from '../settings.ts';
import type { Console } from './console.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const MAX_PAYLOAD = 128 * 1024;
/** What is kept of what has not been understood; with more the connection ends. */
const MAX_KEPT = 64 * 1024;
const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  /** Of the whole frame. */
  readonly length: number;
}

/** Takes a connection over and lets its client at the console. */
export function serveConsole(
  opened: Console,
  settings: Settings,
  key: string,
  protocol: string | undefined,
  socket: Socket,
  early: Buffer,
): void {
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    '\r\n',
  ];
  socket.write(head.join('\r\n'));
  opened.connect({
    write: (bytes) => socket.write(encodeFrame(OPCODE.binary, bytes)),
    drained: (action) => socket.once('drain', action),
    end: () => socket.end(),
  });
  let kept = early;
  let deaf = false;
  const read = (): void => {
    while (!deaf) {
      const frame = decodeFrame(kept);
      if (frame === 'incomplete') break;
      deaf = frame === 'refused';
      if (frame === 'refused') break;
      kept = kept.subarray(frame.length);
      react(frame);
    }
    // It listens no more, but what keeps coming ends it all the same.
    if (deaf && kept.length > MAX_KEPT) setTimeout(() => socket.destroy(), settings.deafMs).unref();
  };
  const react = ({ opcode, payload }: Frame): void => {
    if (opcode === OPCODE.text || opcode === OPCODE.binary) opened.receive(payload);
    else if (opcode === OPCODE.ping) socket.write(encodeFrame(OPCODE.pong, payload));
    else if (opcode === OPCODE.close) socket.end();
    else deaf = opcode !== OPCODE.pong;
  };
  socket.on('data', (chunk: Buffer) => {
    kept = deaf && kept.length > MAX_KEPT ? kept : Buffer.concat([kept, chunk]);
    read();
  });
  socket.on('close', () => opened.left());
  read();
}

/** No unmasked frames, no parts of messages, no reserved bits, nothing large. */
function decodeFrame(bytes: Buffer): Frame | 'incomplete' | 'refused' {
  if (bytes.length < 2) return 'incomplete';
  const [first = 0, second = 0] = bytes;
  const whole = (first & 0x80) !== 0;
  const masked = (second & 0x80) !== 0;
  if (!whole || !masked || (first & 0x70) !== 0) return 'refused';
  const short = second & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < 2 + extra) return 'incomplete';
  const size = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (size > MAX_PAYLOAD) return 'refused';
  const from = 2 + extra + 4;
  // A frame that is larger than what is kept never becomes complete.
  if (from + size > MAX_KEPT && bytes.length > MAX_KEPT) return 'refused';
  if (bytes.length < from + size) return 'incomplete';
  const mask = bytes.subarray(from - 4, from);
  const payload = Buffer.from(bytes.subarray(from, from + size));
  for (let index = 0; index < size; index += 1) payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0);
  return { opcode: first & 0x0f, payload, length: from + size };
}

function encodeFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const first = 0x80 | opcode;
  if (length <= 125) return Buffer.concat([Buffer.from([first, length]), payload]);
  if (length <= 0xffff) return Buffer.concat([Buffer.from([first, 126, length >> 8, length & 0xff]), payload]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length));
  return Buffer.concat([Buffer.from([first, 127]), size, payload]);
}
