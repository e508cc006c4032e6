/** What pveproxy does with a request before and after the method that it asks for. */
import { gzipSync } from 'node:zlib';
import type { Caller } from './access/accounts.ts';
import { authenticate, type Credentials } from './access/authenticate.ts';
import { type Access, type Endpoint, findRoute, Listing, type Method, type Route } from './endpoint.ts';
import { ENDPOINTS } from './endpoints/all.ts';
import { ApiFailure, denied, died, Unauthorized } from './failure.ts';
import { contentType, parametersOf, percentDecode, type RawParameters } from './form.ts';
import { forward } from './forward.ts';
import type { NodeState } from './node-state.ts';
import { checkParameters } from './parameters.ts';
import { type ClusterState, nodeNamed } from './state.ts';
import type { Head, Reply, Takeover } from './wire.ts';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'];
const FORMATS = ['json', 'extjs'];
const JSON_TYPE = ['Content-Type', 'application/json;charset=UTF-8'] as const;
const FORM_TYPES = ['application/x-www-form-urlencoded', 'application/json'];
const MAX_BODY = 512 * 1024;
const GZIP_FROM = 1024;
const MARK_OF_FORWARDED = 'pvedisableproxy';

interface Request {
  readonly cluster: ClusterState;
  /** The node that was asked. */
  readonly node: NodeState;
  readonly head: Head;
  readonly path: string;
  readonly format: string;
}

/** Answers one request to one node. */
export async function answer(
  cluster: ClusterState,
  node: NodeState,
  head: Head,
  readBody: () => Promise<Buffer>,
): Promise<Reply | Takeover> {
  const started = performance.now();
  const reply = await answerNow(cluster, node, head, readBody);
  const status = typeof reply === 'function' ? 101 : reply.status;
  cluster.requests.push({
    node: node.name,
    method: head.method,
    path: head.target.replace(/(vncticket=)[^&;]*/, '$1...'),
    status,
    forwarded: head.headers.has(MARK_OF_FORWARDED),
  });
  if (status === 401) await delay(cluster.settings.refusalMs - (performance.now() - started));
  return reply;
}

async function answerNow(
  cluster: ClusterState,
  node: NodeState,
  head: Head,
  readBody: () => Promise<Buffer>,
): Promise<Reply | Takeover> {
  if (!METHODS.includes(head.method)) return bare(501, `method '${head.method}' not available`, '');
  const encoding = head.headers.get('transfer-encoding');
  if (encoding?.toLowerCase() === 'chunked') return bare(501, 'chunked transfer encoding not supported');
  if (encoding !== undefined) return bare(501, `Unknown transfer encoding '${encoding}'`);
  const full = percentDecode(head.target.split('?')[0] ?? '');
  const [, format = '', path = '/'] = /^\/api2\/+([a-z][a-z0-9]+)(\/.*)?$/.exec(full) ?? [];
  if (format === '') return bare(501, full.startsWith('/api2') ? 'no such uri' : `no such file '${full}'`);
  const request: Request = { cluster, node, head, path, format };
  try {
    const credentials = authenticated(request);
    const complaint = complaintAboutBody(head);
    if (complaint !== undefined) return complaint;
    const parameters = parametersOf(head, await readBody());
    if (!FORMATS.includes(format)) return bare(501, `no formatter for uri ${path}, ${format}`);
    return await call(request, credentials, parameters);
  } catch (error) {
    if (error instanceof Unauthorized) return bare(401, error.message, '');
    if (error instanceof SyntaxError) return bare(501, 'malformed JSON string');
    return failureReply(request, error);
  }
}

/** Whose request it is; nobody's where the path needs none and none is named. */
function authenticated({ cluster, head, path }: Request): Credentials | undefined {
  const route = findRoute(ENDPOINTS, head.method, path);
  if (route?.endpoint.access !== 'world') return authenticate(head, cluster.accounts, cluster.tickets);
  if (/PVEAPIToken/.test(head.headers.get('authorization') ?? '')) throw noToken(path);
  return undefined;
}

function complaintAboutBody(head: Head): Reply | undefined {
  const length = Number(head.headers.get('content-length') ?? 0);
  if (length === 0) return undefined;
  if (head.method !== 'POST' && head.method !== 'PUT') {
    return bare(501, `Unexpected content for method '${head.method}'`);
  }
  if (length > MAX_BODY) return bare(501, 'for data too large');
  const type = contentType(head);
  return type === undefined || FORM_TYPES.includes(type)
    ? undefined
    : bare(506, `upload 'Content-Type '${head.headers.get('content-type')}' not implemented`);
}

async function call(
  request: Request,
  credentials: Credentials | undefined,
  parameters: RawParameters,
): Promise<Reply | Takeover> {
  const { cluster, head, path, node } = request;
  const route = findRoute(ENDPOINTS, head.method, path);
  if (route === undefined) throw new ApiFailure(501, `Method '${head.method} ${path}' not implemented`);
  const caller = credentials?.caller ?? { user: '' };
  checkAccess(cluster, caller, route, path);
  const other = route.endpoint.local === true ? undefined : otherNode(request, route.inPath['node']);
  if (other !== undefined) {
    return forward(cluster, other, head, credentials?.headers ?? {}, parameters);
  }
  const result = await run(cluster, node, caller, route, parameters);
  const upgrade = head.headers.get('upgrade')?.toLowerCase();
  if (upgrade === 'websocket' && route.endpoint.upgrade !== undefined) {
    return upgraded(request, caller, route, parameters);
  }
  return dataReply(request, route.endpoint, result);
}

function upgraded(request: Request, caller: Caller, route: Route, parameters: RawParameters): Takeover {
  const { cluster, node, head } = request;
  const version = head.headers.get('sec-websocket-version') ?? '';
  if (version !== '13') throw new ApiFailure(501, `unsupported websocket-version '${version}'\n`);
  const key = head.headers.get('sec-websocket-key');
  if (key === undefined || route.endpoint.upgrade === undefined) throw new ApiFailure(501, 'missing websocket-key\n');
  const all = { ...parameters, ...route.inPath };
  const dispatch = dispatcher(cluster, node, caller);
  const asked = { cluster, node, caller, parameters: all, dispatch };
  return route.endpoint.upgrade(asked, key, head.headers.get('sec-websocket-protocol'));
}

function run(
  cluster: ClusterState,
  node: NodeState,
  caller: Caller,
  { endpoint, inPath }: Route,
  parameters: RawParameters,
): unknown {
  const all = { ...parameters, ...inPath };
  checkParameters(endpoint.parameters ?? {}, all);
  return endpoint.run({ cluster, node, caller, parameters: all, dispatch: dispatcher(cluster, node, caller) });
}

/** Calls within a call: the same checks, on the same node. */
function dispatcher(cluster: ClusterState, node: NodeState, caller: Caller) {
  return async (method: Method, path: string, parameters: RawParameters): Promise<unknown> => {
    const route = findRoute(ENDPOINTS, method, path);
    if (route === undefined) throw died(`no handler for '${path.replace(/^\//, '')}'`);
    checkAccess(cluster, caller, route, path);
    return run(cluster, node, caller, route, parameters);
  };
}

function checkAccess(cluster: ClusterState, caller: Caller, { endpoint, inPath }: Route, path: string): void {
  if (endpoint.needsTicket === true && caller.token !== undefined) throw noToken(path);
  const access: Access = typeof endpoint.access === 'function' ? endpoint.access(cluster.settings) : endpoint.access;
  if (access === 'world' || access === 'all') return;
  if (access === 'root@pam') {
    if (caller.user !== access || caller.token !== undefined) throw denied(`user != ${access}`);
    return;
  }
  const where = access.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => inPath[name] ?? '');
  if (!cluster.accounts.may(caller, where, access.privilege)) throw denied(`${where}, ${access.privilege}`);
}

function noToken(path: string): ApiFailure {
  return denied(`URI '${path}' not available with API token, need proper ticket.\n`);
}

/** The node that has to answer, if it is not the one that was asked. */
function otherNode({ cluster, node, head }: Request, name: string | undefined): NodeState | undefined {
  if (name === undefined || name === node.name || name === 'localhost') return undefined;
  const other = nodeNamed(cluster, name);
  if (other === undefined) {
    const reason = `failed to get address info for: ${name}: Name or service not known`;
    throw died(`hostname lookup '${name}' failed - ${reason}`);
  }
  if (head.headers.has(MARK_OF_FORWARDED)) throw new ApiFailure(500, 'proxy loop detected');
  return other;
}

function dataReply(request: Request, endpoint: Endpoint, result: unknown): Reply {
  const content = result instanceof Listing ? { data: result.data, total: result.total } : { data: result ?? null };
  const document = request.format === 'extjs' ? { success: 1, ...content } : content;
  // What comes from pvedaemon brings its own Connection header along.
  const headers = endpoint.protected === true ? [['Connection', 'close'] as const] : [];
  return jsonReply(request, 200, 'OK', document, headers);
}

function failureReply(request: Request, error: unknown): Reply {
  if (!(error instanceof ApiFailure)) process.stderr.write(`the double of the Proxmox API: ${String(error)}\n`);
  const { status, message, errors } = error instanceof ApiFailure ? error : died(String(error));
  const document = { data: null, message, ...(errors === undefined ? {} : { errors }) };
  const [reason = ''] = message.split('\n');
  if (request.format !== 'extjs') return jsonReply(request, status, reason, document, []);
  return jsonReply(request, 200, 'OK', { success: 0, status, ...document }, []);
}

function jsonReply(
  { head }: Request,
  status: number,
  reason: string,
  document: object,
  headers: Reply['headers'] & object,
): Reply {
  const body = JSON.stringify(document);
  const compress = /gzip/.test(head.headers.get('accept-encoding') ?? '') && body.length > GZIP_FROM;
  return compress
    ? { status, reason, headers: [...headers, JSON_TYPE, ['Content-Encoding', 'gzip']], body: gzipSync(body) }
    : { status, reason, headers: [...headers, JSON_TYPE], body };
}

/** Said before anything of the API was reached: text at most, and no type. */
function bare(status: number, reason: string, body = reason): Reply {
  return { status, reason, body };
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
