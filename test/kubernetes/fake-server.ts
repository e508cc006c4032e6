/**
 * A Kubernetes API server that is none: it answers for one pod, and runs what is to be run in it here, on this host, by
 * itself. What it says on the wire, and when, is for the test.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

import { scratchDirectory } from '../support/scratch.ts';

export const SUCCESS = JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });

export function exitStatus(code: number): string {
  if (code === 0) return SUCCESS;
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  });
}

export function failureStatus(message: string): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  });
}

/** One execution, as the server sees it. */
export interface FakeExecution {
  readonly webSocket: WebSocket;
  readonly socket: Duplex;
  readonly words: readonly string[];
  readonly query: URLSearchParams;
  send(channel: number, data: string | Buffer): void;
  /** Runs it here, as a runtime would. */
  run(): ChildProcess;
}

export interface FakeOptions {
  /** What it speaks. Default: v5 and v4. */
  readonly protocols?: readonly string[];
  /** Default: it runs them. */
  readonly onExec?: (execution: FakeExecution) => void;
  /** Answers a request in its own way. */
  readonly answer?: (method: string, path: string) => { status: number; body: object } | undefined;
  readonly pod?: object;
}

export interface FakeServer {
  readonly url: string;
  /** For the CLI under test. */
  readonly environment: Record<string, string>;
  /** Of the requests, with their queries. */
  readonly paths: string[];
  stop(): Promise<void>;
}

export function podNamed(name: string, further: { metadata?: object; spec?: object; status?: object } = {}): object {
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace: 'web', ...further.metadata },
    spec: { containers: [{ name: 'main' }, { name: 'side' }], ...further.spec },
    status: {
      phase: 'Running',
      containerStatuses: ['main', 'side'].map((each) => ({ name: each, state: { running: {} } })),
      ...further.status,
    },
  };
}

export async function startFakeServer(options: FakeOptions = {}): Promise<FakeServer> {
  const { protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'], pod = podNamed('pod') } = options;
  const paths: string[] = [];
  const sockets = new Set<Duplex>();
  const children = new Set<ChildProcess>();
  const server = createServer((request, response) => {
    const { method = '', url = '' } = request;
    paths.push(url);
    request.resume();
    const { status, body } = options.answer?.(method, url) ?? usual(method, url, pod);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.on('connection', (socket) => sockets.add(socket));
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => protocols.find((each) => offered.has(each)) ?? false,
  });
  server.on('upgrade', (request, socket, head) => {
    const { url = '' } = request;
    paths.push(url);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim());
    if (!offered.some((each) => protocols.includes(each))) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const execution = new Execution(webSocket, socket, new URL(url, 'http://x').searchParams, children);
      webSocket.on('error', () => {});
      (options.onExec ?? ((each) => void each.run()))(execution);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = scratchDirectory();
  const kubeconfig = join(directory, 'config');
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      'current-context': 'fake',
      contexts: [{ name: 'fake', context: { cluster: 'fake', namespace: 'web' } }],
      clusters: [{ name: 'fake', cluster: { server: url } }],
    }),
  );
  return {
    url,
    environment: { KUBECONFIG: kubeconfig },
    paths,
    stop: async () => {
      for (const child of children) child.kill('SIGKILL');
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function usual(method: string, path: string, pod: object): { status: number; body: object } {
  if (method === 'POST') return { status: 201, body: { status: { allowed: true } } };
  if (path.split('?')[0] === '/api/v1/namespaces/web/pods/pod') return { status: 200, body: pod };
  if (path.split('?')[0] === '/api/v1/namespaces/web/pods') return { status: 200, body: { items: [pod] } };
  return { status: 404, body: { kind: 'Status', message: 'not found', reason: 'NotFound' } };
}

class Execution implements FakeExecution {
  readonly words: readonly string[];
  readonly webSocket: WebSocket;
  readonly socket: Duplex;
  readonly query: URLSearchParams;
  readonly #children: Set<ChildProcess>;

  constructor(webSocket: WebSocket, socket: Duplex, query: URLSearchParams, children: Set<ChildProcess>) {
    this.webSocket = webSocket;
    this.socket = socket;
    this.query = query;
    this.words = query.getAll('command');
    this.#children = children;
  }

  send(channel: number, data: string | Buffer): void {
    this.webSocket.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)]));
  }

  run(): ChildProcess {
    const [file = '', ...args] = this.words;
    const child = spawn(file, args, { cwd: '/', detached: true, env: { PATH: process.env['PATH'], HOME: '/root' } });
    this.#children.add(child);
    child.stdin?.on('error', () => {});
    this.webSocket.on('message', (message: Buffer) => {
      if (message[0] === 0) child.stdin?.write(message.subarray(1));
      if (message[0] === 255) child.stdin?.end();
    });
    this.webSocket.on('close', () => child.stdin?.end());
    for (const [channel, stream] of [
      [1, child.stdout],
      [2, child.stderr],
    ] as const) {
      stream.on('data', (chunk: Buffer) => {
        this.send(channel, chunk);
        // As slow as who reads it.
        stream.pause();
        const goOn = setInterval(() => {
          if (this.webSocket.bufferedAmount > 1024 * 1024 && this.webSocket.readyState === 1) return;
          clearInterval(goOn);
          stream.resume();
        }, 1);
      });
    }
    child.on('error', (error) => {
      this.send(
        3,
        failureStatus(`error executing command in container: exec: ${JSON.stringify(file)}: ${error.message}: unknown`),
      );
      this.webSocket.close();
    });
    child.on('close', (code, signal) => {
      if (child.pid === undefined) return;
      const number = signal === 'SIGKILL' ? 137 : signal === 'SIGTERM' ? 143 : 255;
      this.send(3, exitStatus(code ?? number));
      this.webSocket.close();
    });
    return child;
  }
}
