import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { LxcriError } from '../model/errors.ts';

/** Certificates for a connection by TLS. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Where an engine is. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: TlsFiles | undefined }
  /** The engine of another host: `docker system dial-stdio` there passes everything on. */
  | { readonly kind: 'ssh'; readonly destination: string; readonly port: string | undefined };

/** Where Docker's own client looks when nothing says otherwise. */
const DEFAULT_SOCKET = '/var/run/docker.sock';

const PORT = 2375;
const TLS_PORT = 2376;

/** How messages name an endpoint. */
export function endpointName(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'unix':
      return `unix://${endpoint.path}`;
    case 'ssh':
      return `ssh://${endpoint.destination}${endpoint.port === undefined ? '' : `:${endpoint.port}`}`;
    default:
      return `tcp://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
  }
}

/** Whether the caller's variables or configuration say where the engine is. */
export function isEndpointChosen(env: NodeJS.ProcessEnv): boolean {
  return given(env, 'DOCKER_HOST') !== undefined || chosenContext(env) !== undefined;
}

/** Whether somebody listens at the usual place, who lets us in. A socket that is left of an engine says nothing. */
export function isThere(path = DEFAULT_SOCKET): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/**
 * The engine that Docker's own client would talk to: DOCKER_HOST, else the context of DOCKER_CONTEXT or of config.json, else
 * the usual socket (docker/cli: cli/command/cli.go, `resolveContextName`; cli/context/store).
 *
 * @throws LxcriError ConfigError
 */
export function endpointOf(env: NodeJS.ProcessEnv): Endpoint {
  const host = given(env, 'DOCKER_HOST');
  if (host !== undefined) return parseHost(host, 'DOCKER_HOST', tlsOfVariables(env));
  const context = chosenContext(env);
  return context === undefined ? { kind: 'unix', path: DEFAULT_SOCKET } : endpointOfContext(context, env);
}

function given(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

function configDirectory(env: NodeJS.ProcessEnv): string {
  return given(env, 'DOCKER_CONFIG') ?? join(given(env, 'HOME') ?? homedir(), '.docker');
}

/** `undefined` for the one that is called "default" and means the variables and the usual socket. */
function chosenContext(env: NodeJS.ProcessEnv): string | undefined {
  const name = given(env, 'DOCKER_CONTEXT') ?? currentContext(join(configDirectory(env), 'config.json'));
  return name === 'default' ? undefined : name;
}

function currentContext(file: string): string | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  const { currentContext: name } = parseJson(text, file) as { currentContext?: unknown };
  if (name !== undefined && name !== null && typeof name !== 'string') throw noDocument(file);
  return name === '' || name === null ? undefined : name;
}

interface ContextFile {
  readonly Endpoints?: {
    readonly docker?: { readonly Host?: unknown; readonly SkipTLSVerify?: unknown } | null;
  } | null;
}

function endpointOfContext(name: string, env: NodeJS.ProcessEnv): Endpoint {
  // Most calls have none, and it takes a while to load.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const directory = join(configDirectory(env), 'contexts');
  const digest = createHash('sha256').update(name).digest('hex');
  const file = join(directory, 'meta', digest, 'meta.json');
  const text = readText(file);
  if (text === undefined) {
    throw new LxcriError(
      'ConfigError',
      `there is no context ${JSON.stringify(name)} of Docker`,
      'list them with: docker context ls; or set DOCKER_HOST',
    );
  }
  const { Host: host = '', SkipTLSVerify: unverified = false } =
    (parseJson(text, file) as ContextFile).Endpoints?.docker ?? {};
  if (typeof host !== 'string') throw noDocument(file);
  if (unverified === true) throw unverifiedTls(`the context ${JSON.stringify(name)}`);
  const tls = tlsIn(join(directory, 'tls', digest, 'docker'));
  return parseHost(host, `the context ${JSON.stringify(name)} of Docker`, tls);
}

/** By docker/cli (cli/flags/options.go): to encrypt without to verify is offered there, and refused here. */
function tlsOfVariables(env: NodeJS.ProcessEnv): TlsFiles | undefined {
  const verified = given(env, 'DOCKER_TLS_VERIFY') !== undefined;
  if (!verified && given(env, 'DOCKER_TLS') !== undefined) throw unverifiedTls('DOCKER_TLS');
  if (!verified) return undefined;
  return tlsIn(given(env, 'DOCKER_CERT_PATH') ?? configDirectory(env)) ?? NO_FILES;
}

const NO_FILES: TlsFiles = { ca: undefined, cert: undefined, key: undefined };

function unverifiedTls(what: string): LxcriError {
  return new LxcriError(
    'ConfigError',
    `${what} asks for TLS without a look at the certificate of the engine`,
    'use DOCKER_TLS_VERIFY=1, with the ca.pem that signed it in DOCKER_CERT_PATH',
  );
}

/** @returns `undefined` where none of the files is there. */
function tlsIn(directory: string): TlsFiles | undefined {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readText(join(directory, name)));
  return ca === undefined && cert === undefined && key === undefined ? undefined : { ca, cert, key };
}

/**
 * @param source where it is from, for errors.
 * @param tls for an engine by TCP.
 * @throws LxcriError ConfigError
 */
function parseHost(text: string, source: string, tls?: TlsFiles): Endpoint {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case 'unix':
      // A socket's path has at most 107 bytes (unix(7)).
      if (rest.startsWith('/') && Buffer.byteLength(rest) < 108) return { kind: 'unix', path: rest };
      break;
    case 'tcp':
    case 'http':
    case 'https': {
      const [, inner, name = inner, digits] =
        /^(?:\[([0-9A-Fa-f:.%]+)\]|([\w.-]+))(?::(\d{1,5}))?\/?$/.exec(rest) ?? [];
      const secured = scheme === 'https' ? (tls ?? NO_FILES) : tls;
      const port = digits === undefined ? (secured === undefined ? PORT : TLS_PORT) : Number(digits);
      if (name !== undefined && port > 0 && port < 65_536) return { kind: 'tcp', host: name, port, tls: secured };
      break;
    }
    case 'ssh': {
      const [, destination, port] = /^((?:[\w.][\w.+-]*@)?[\w.][\w.-]*)(?::(\d{1,5}))?\/?$/.exec(rest) ?? [];
      if (destination !== undefined) return { kind: 'ssh', destination, port };
      break;
    }
    default:
  }
  throw new LxcriError(
    'ConfigError',
    `${source} is ${JSON.stringify(shown(text))}, which names no engine`,
    'write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST, without a password',
  );
}

/** What can be shown of a host: who is named before its last "@" may have a password, or be one. */
function shown(text: string): string {
  const at = text.lastIndexOf('@');
  const scheme = /^[a-z]*:\/\//i.exec(text)?.[0] ?? '';
  return (at === -1 ? text : `${scheme}***${text.slice(at)}`).slice(0, 200);
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LxcriError('ConfigError', `${file} cannot be read: ${message}`, 'make it readable, or set DOCKER_HOST');
  }
}

function parseJson(text: string, file: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // It may hold secrets: nothing of it is shown.
  }
  throw noDocument(file);
}

function noDocument(file: string): LxcriError {
  return new LxcriError('ConfigError', `${file} is no JSON document of Docker`, 'repair it, or set DOCKER_HOST');
}
