/** Terminals over the API of Proxmox VE. A bundle of its own, because of the library for WebSockets. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { WebSocket } from 'ws';

import { LxcriError, isLxcriError } from '../../model/errors.ts';
import type { RawTerminal } from '../../model/raw-terminal.ts';
import { dataOf } from '../api/answer.ts';
import type { ApiClient } from '../api/client.ts';
import { Misfit, amount, object, text } from '../api/shape.ts';
import type { Reader } from '../api/shape.ts';
import { shownAddress, unreachable, whyOf } from '../api/trust.ts';
import type { Endpoint } from '../api/trust.ts';
import { PULSE, WebSocketTerminal } from './web-socket-terminal.ts';
import type { Pulse } from './web-socket-terminal.ts';

/** How long what may take; all in milliseconds. */
export interface TerminalLimits extends Pulse {
  /** For the WebSocket, and then for the answer to our first line. termproxy itself waits for 10 s for each. */
  readonly openMs: number;
}

const LIMITS: TerminalLimits = { ...PULSE, openMs: 10_000 };

/** More than the server says when it refuses. */
const MAX_REFUSAL_BYTES = 64 * 1024;

/** More than one read of a terminal; what is larger is not from termproxy. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const READY = 'OK';

/** What goes into what we send, and may not end it. */
const WORD: Reader<string> = (value, at) => {
  const word = text(value, at);
  if (/^[\x21-\x7e]{1,4096}$/.test(word)) return word;
  throw new Misfit(`${at} is no word`);
};

/** It comes as text, whatever the API's own documentation says. */
const PORT: Reader<number> = (value, at) => {
  const port = amount(value, at);
  if (Number.isInteger(port) && port <= 0xff_ff) return port;
  throw new Misfit(`${at} is no port`);
};

/** What `termproxy` answers (PVE/API2/LXC.pm): who may use it, with which ticket, and on which port. */
const OFFER = object({ user: WORD, ticket: WORD, port: PORT });

type Offer = ReturnType<typeof OFFER>;

/**
 * Opens the console of a container, or a shell of a node. The first is one terminal, which all who look at it share and
 * which outlives this connection; the second is a fresh one.
 *
 * @param path of the guest or node in the API, such as `/nodes/pve1/lxc/101`.
 * @throws LxcriError PermissionDenied, AuthenticationFailed, PlatformUnreachable or OperationFailed; and whatever `abort`
 *   was aborted with.
 */
export async function openTerminal(
  client: ApiClient,
  path: string,
  abort?: AbortSignal,
  limits: TerminalLimits = LIMITS,
): Promise<RawTerminal> {
  const { data: offer, host } = await ask(client, path, abort);
  // The port is one of that host, whose address may be one of many behind a name: nobody else has it.
  const { socket, headers } = await client.dial(host, abort);
  const query = `port=${offer.port}&vncticket=${encodeURIComponent(offer.ticket)}`;
  const webSocket = new WebSocket(`wss://${shownAddress(host)}/api2/json${path}/vncwebsocket?${query}`, ['binary'], {
    createConnection: () => socket,
    headers,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    // A key of zeros. It is there for what strangers make a browser send, against proxies that read along (RFC 6455, 10.3);
    // here nobody can, and to apply another key takes more time than all else that is done with what is typed.
    generateMask: (key) => void key.fill(0),
  });
  const opening: Opening = { webSocket, socket, host, path, offer, limits };
  try {
    return await untilReady(opening, abort);
  } catch (error) {
    webSocket.on('error', () => {});
    webSocket.terminate();
    socket.destroy();
    throw error;
  }
}

async function ask(client: ApiClient, path: string, abort: AbortSignal | undefined) {
  try {
    return await client.askSomeHost(OFFER, 'POST', `${path}/termproxy`, {}, abort);
  } catch (error) {
    // A terminal that nobody comes to ends by itself: nothing was done.
    if (isLxcriError(error) && error.code === 'ConnectionLost')
      throw new LxcriError('PlatformUnreachable', error.message, 'try it again', { cause: error });
    throw error;
  }
}

interface Opening {
  readonly webSocket: WebSocket;
  readonly socket: TLSSocket;
  readonly host: Endpoint;
  readonly path: string;
  readonly offer: Offer;
  readonly limits: TerminalLimits;
}

/** Waits for the WebSocket, says who we are, and waits for the OK, behind which the terminal's first bytes may be. */
function untilReady(opening: Opening, abort: AbortSignal | undefined): Promise<RawTerminal> {
  const { webSocket, socket, host, offer, limits } = opening;
  return new Promise((resolve, reject) => {
    let isOpen = false;
    let seen: Buffer = Buffer.alloc(0);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      abort?.removeEventListener('abort', aborted);
      webSocket.removeAllListeners();
      finish();
    };
    const fail = (error: Error): void => settle(() => reject(error));
    const aborted = (): void => fail(abort?.reason as Error);
    const noAnswer = (): void =>
      fail(isOpen ? noWelcome(opening, 'no answer') : unreachable(host, 'no answer to the WebSocket'));
    const timer = setTimeout(noAnswer, limits.openMs);
    abort?.addEventListener('abort', aborted);
    webSocket.once('unexpected-response', (_request, response: IncomingMessage) => {
      void refusal(opening, response).then(fail);
    });
    webSocket.once('open', () => {
      isOpen = true;
      webSocket.send(`${offer.user}:${offer.ticket}\n`, { binary: true });
      timer.refresh();
    });
    webSocket.on('message', (data: Buffer) => {
      seen = Buffer.concat([seen, data]);
      if (seen.length < READY.length) return;
      if (seen.subarray(0, READY.length).toString('latin1') === READY)
        settle(() => resolve(new WebSocketTerminal(webSocket, socket, seen.subarray(READY.length), limits)));
      else fail(noWelcome(opening, 'another answer'));
    });
    webSocket.once('error', (error: NodeJS.ErrnoException) => {
      fail(isOpen ? noWelcome(opening, whyOf(error)) : unreachable(host, `no WebSocket there: ${whyOf(error)}`));
    });
    webSocket.once('close', () => fail(noWelcome(opening, 'it was closed')));
  });
}

/** The error of a server that answers something else than a WebSocket. */
async function refusal({ host, path }: Opening, response: IncomingMessage): Promise<LxcriError> {
  const status = response.statusCode ?? 0;
  // Node decodes headers as latin1; the server sends UTF-8.
  const reason = Buffer.from(response.statusMessage ?? '', 'latin1').toString();
  try {
    if (status < 200 || status >= 300)
      dataOf({ status, reason, body: await bodyOf(response) }, (data) => data, {
        what: `GET ${path}/vncwebsocket`,
        server: shownAddress(host),
        isRepeatable: true,
      });
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    // Its own offer of a moment ago: somebody else is asked than the one who made it.
    const hint =
      status === 401
        ? `name the nodes themselves as hosts of the context: ${shownAddress(host)} may stand for several of them`
        : error.hint;
    return new LxcriError(error.code, error.message, hint);
  }
  return unreachable(host, `no WebSocket there, but ${status} ${reason}`);
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_REFUSAL_BYTES) break;
      chunks.push(chunk);
    }
  } catch {
    // What has come has to do.
  }
  return Buffer.concat(chunks).toString();
}

/** The error of a terminal that does not let us in: termproxy says nothing but goes, whatever it dislikes. */
function noWelcome({ path, offer: { user } }: Opening, what: string): LxcriError {
  const isToken = user.includes('!');
  const hint = isToken
    ? user.length > 64
      ? `the token's id is longer than the 64 characters that termproxy takes: use one with a shorter name`
      : 'before Proxmox VE 9.1 with pve-container 6.1.3 no token is let in: update the node, or log in as a user'
    : 'look at the task vncproxy or vncshell in the log of the node';
  return new LxcriError('OperationFailed', `the terminal of ${path} did not let ${user} in (${what})`, hint);
}
