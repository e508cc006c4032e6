import type { IncomingHttpHeaders } from 'node:http2';

/** Codes of gRPC (grpc/status in its protocol), as far as they mean something here. */
export const STATUS = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** How a call ended, in the words of the server. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

/** The status that headers or trailers carry, where they do. */
export function statusIn(headers: IncomingHttpHeaders): GrpcStatus | undefined {
  const code = headers['grpc-status'];
  if (typeof code !== 'string' || !/^\d{1,3}$/.test(code)) return undefined;
  const { 'grpc-message': message } = headers;
  return { code: Number(code), message: typeof message === 'string' ? decoded(message) : '' };
}

/** Bytes that are no plain text are written as `%` and two digits; what is not that stays as it is. */
function decoded(message: string): string {
  const bytes = message.replaceAll(/%([0-9A-Fa-f]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
