/** A server that answers as a Proxmox VE server with one container would, but for what a test replaces. */
import type { TLSSocket } from 'node:tls';

import { httpAnswer, openTlsServer } from './tls-server.ts';
import type { TlsServer } from './tls-server.ts';

/** What is answered to a request, such as `GET /cluster/resources`. */
export type Reply = (socket: TLSSocket) => unknown;

export const UPID = 'UPID:pve1:00002F04:0004D4B5:6B010144:vzstart:101:root@pam!full:';

const TICKET = { ticket: 'PVE:root@pam:6B00FF87::AA==', CSRFPreventionToken: '6B00FF87:AA', username: 'root@pam' };

/** A 200 with this as its `data`. */
export function data(value: unknown): Reply {
  return answer('200 OK', JSON.stringify({ data: value }));
}

export function answer(status: string, body = ''): Reply {
  return (socket) => socket.write(httpAnswer(status, body));
}

export interface Impostor extends TlsServer {
  /** By method and path without its query; a key may be the end of a path only. */
  replies: Record<string, Reply>;
  /** Whether the container runs. */
  runs: boolean;
  /** The requests since the last call of this, as `GET /version`. */
  take(): string[];
}

export async function openImpostor(): Promise<Impostor> {
  const usual: Record<string, () => Reply> = {
    'GET /version': () => data({ version: '9.2.11', release: '9.2' }),
    'GET /access/permissions': () => data({ '/': { 'VM.Audit': 1, 'VM.PowerMgmt': 1 } }),
    'POST /access/ticket': () => data(TICKET),
    'GET /cluster/resources': () =>
      data([{ id: 'lxc/101', vmid: 101, type: 'lxc', node: 'pve1', name: 'web', status: 'stopped' }]),
    'GET /status/current': () => data({ vmid: 101, name: 'web', status: impostor.runs ? 'running' : 'stopped' }),
    'POST /status/start': () => (socket) => {
      impostor.runs = true;
      return data(UPID)(socket);
    },
    'POST /status/stop': () => (socket) => {
      impostor.runs = false;
      return data(UPID)(socket);
    },
    'GET /log': () => data([{ n: 1, t: 'TASK OK' }]),
    'GET /status': () => data({ status: 'stopped', exitstatus: 'OK' }),
  };
  let taken = 0;
  const wordsOf = (request: string): string =>
    /^([A-Z]+) \/api2\/json([^ ?]*)/.exec(request)?.slice(1).join(' ') ?? request;
  const server = await openTlsServer((socket, index) => {
    const words = wordsOf(server.requests[index] ?? '');
    const [method = '', path = ''] = words.split(' ');
    const fits = (key: string): boolean => key.startsWith(`${method} `) && path.endsWith(key.slice(method.length + 1));
    const replaced = Object.keys(impostor.replies).find(fits);
    const known = Object.keys(usual).find(fits);
    const reply = impostor.replies[replaced ?? ''] ?? usual[known ?? '']?.();
    (reply ?? answer(`501 Method '${words}' not implemented`))(socket);
  });
  const impostor: Impostor = {
    ...server,
    replies: {},
    runs: false,
    take: () => server.requests.slice(taken, (taken = server.requests.length)).map(wordsOf),
  };
  return impostor;
}
