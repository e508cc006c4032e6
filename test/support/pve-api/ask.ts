/** A bare client for tests of the double itself: what was said on the wire, and no more. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Host } from '../pve/api/cluster.ts';

export interface ApiRequest {
  method?: string;
  headers?: Readonly<Record<string, string>>;
  /** Sent with its length. */
  body?: string;
  /** Sent in chunks instead. */
  chunked?: boolean;
}

export interface ApiAnswer {
  status: number;
  reason: string;
  /** Names and values in turn, as they came. */
  rawHeaders: readonly string[];
  headers: Readonly<Record<string, string | string[] | undefined>>;
  text: string;
  /** The parsed body; undefined where there is none or no JSON. */
  json: Answered | undefined;
  milliseconds: number;
}

/** What the API's documents have. */
export interface Answered {
  data: unknown;
  message?: string;
  errors?: Record<string, string>;
  success?: number;
  status?: number;
  total?: number;
}

/** Asks one node; the path is below /api2/json unless it starts with /api2. */
export function ask(host: Host, path: string, options: ApiRequest = {}): Promise<ApiAnswer> {
  const { method = 'GET', headers = {}, body, chunked = false } = options;
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const length = method === 'GET' && body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body ?? '') };
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port: host.port,
      ca: readFileSync(host.caFile),
      agent: false,
      method,
      path: path.startsWith('/api2') ? path : `/api2/json${path}`,
      headers: {
        ...(body === undefined ? {} : form),
        ...(chunked ? { 'Transfer-Encoding': 'chunked' } : length),
        ...headers,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          rawHeaders: response.rawHeaders,
          headers: response.headers,
          text,
          json: parsed(text),
          milliseconds: performance.now() - started,
        });
      });
    });
    outgoing.end(body);
  });
}

function parsed(text: string): Answered | undefined {
  try {
    return JSON.parse(text) as Answered;
  } catch {
    return undefined;
  }
}

/** Of an answer that is no error. */
export function dataOf({ status, reason, json }: ApiAnswer): unknown {
  if (status !== 200 || json === undefined) throw new Error(`${status} ${reason}`);
  return json.data;
}

export interface Login {
  ticket: string;
  csrf: string;
  /** All that a request with the ticket needs. */
  headers: Record<string, string>;
}

/** Gets a ticket by a password, for a user without a second factor. */
export async function login(host: Host, username: string, password: string): Promise<Login> {
  const body = new URLSearchParams({ username, password }).toString();
  const answer = await ask(host, '/access/ticket', { method: 'POST', body });
  const { ticket, CSRFPreventionToken: csrf } = dataOf(answer) as { ticket: string; CSRFPreventionToken: string };
  return { ticket, csrf, headers: ticketHeaders(ticket, csrf) };
}

export function ticketHeaders(ticket: string, csrf: string): Record<string, string> {
  return { Cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`, CSRFPreventionToken: csrf };
}
