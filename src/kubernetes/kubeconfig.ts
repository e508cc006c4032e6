import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

import { LxcriError } from '../model/errors.ts';
import { isHeaderText } from './header-text.ts';
import { tokenIn } from './token-file.ts';

/** How a cluster is reached, and who we are to it. */
export interface ClusterConfig {
  /** `https://host:port/prefix`, without a slash at the end. */
  readonly server: URL;
  /** The namespace of the context. */
  readonly namespace: string;
  /** Certificate authorities in PEM form; `undefined` for those of the system. */
  readonly ca: string | undefined;
  /** The name in the server's certificate, where that is not its address. */
  readonly serverName: string | undefined;
  readonly identity: Identity;
}

/** What is sent to prove who we are. Secrets. */
export interface Identity {
  readonly token?: string | undefined;
  /** Where {@link token} comes from, and the next one will. */
  readonly tokenFile?: string | undefined;
  readonly basic?: { readonly user: string; readonly password: string };
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Whom to act as. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The three lists of a kubeconfig file, by name (k8s.io/client-go, tools/clientcmd/api/v1). */
interface Kubeconfig {
  readonly clusters: Map<string, Named>;
  readonly users: Map<string, Named>;
  readonly contexts: Map<string, Named>;
  readonly current: string | undefined;
}

/** An entry, and the file that it is of: paths in it begin there. */
interface Named {
  readonly value: Readonly<Record<string, unknown>>;
  readonly file: string;
}

/** Names the context that is meant, whatever the current one is. */
const CONTEXT_VARIABLE = 'PROXMOX_LXCRI_KUBE_CONTEXT';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The files that KUBECONFIG names, else the usual one. */
function filesOf(env: NodeJS.ProcessEnv): readonly string[] {
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter(Boolean);
  return named.length > 0 ? named : [join(env['HOME'] || homedir(), '.kube', 'config')];
}

/** Whether somebody has said which cluster is meant: then its pods are listed too. */
export function isClusterChosen(env: NodeJS.ProcessEnv): boolean {
  return filesOf(env).some((file) => readIfThere(file) !== undefined);
}

/**
 * The cluster of the current context, as `kubectl` finds it: KUBECONFIG, `~/.kube/config`; where these name none, in a pod
 * its own service account (k8s.io/client-go, tools/clientcmd/merged_client_builder.go). PROXMOX_LXCRI_KUBE_CONTEXT names another context, as the flag `--context` of `kubectl` does.
 *
 * @param abort ends a program that is to give the credentials.
 * @throws LxcriError ConfigError, AuthenticationFailed; the reason of `abort`.
 */
export async function clusterConfig(env: NodeJS.ProcessEnv, abort?: AbortSignal): Promise<ClusterConfig> {
  const files = filesOf(env);
  const found = files.flatMap((file) => {
    const text = readIfThere(file);
    return text === undefined ? [] : [{ file: resolve(file), text }];
  });
  const documents: { file: string; document: unknown }[] = [];
  // oxlint-disable-next-line no-await-in-loop -- one after the other: the first that says something is right
  for (const { file, text } of found) documents.push({ file, document: await parsed(file, text) });
  const config = merged(documents);
  const chosen = env[CONTEXT_VARIABLE] || undefined;
  const context = chosen ?? config.current;
  if (context === undefined) return ofServiceAccount(env) ?? notConfigured(files, found.length > 0, env);
  if (chosen !== undefined && !config.contexts.has(chosen)) throw noSuchContext(chosen, config, files);
  return clusterOfContext(context, config, env, abort);
}

function notConfigured(files: readonly string[], isThere: boolean, env: NodeJS.ProcessEnv): never {
  if (isThere)
    throw new LxcriError(
      'ConfigError',
      'the kubeconfig names no current context',
      `choose one with: kubectl config use-context NAME, or ${CONTEXT_VARIABLE}=NAME`,
    );
  throw new LxcriError(
    'ConfigError',
    `no Kubernetes cluster is configured: ${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} not there`,
    env['KUBERNETES_SERVICE_HOST'] === undefined
      ? 'name a kubeconfig file with KUBECONFIG, or write ~/.kube/config'
      : 'give the pod a service account (automountServiceAccountToken), or name a kubeconfig file with KUBECONFIG',
  );
}

function noSuchContext(name: string, { contexts }: Kubeconfig, files: readonly string[]): LxcriError {
  const known = [...contexts.keys()].map((each) => JSON.stringify(each));
  return new LxcriError(
    'ConfigError',
    `there is no context ${JSON.stringify(name)}, which ${CONTEXT_VARIABLE} names, in ${files.join(', ')}`,
    known.length === 0
      ? `no context is there at all: unset ${CONTEXT_VARIABLE}, or name a kubeconfig file with KUBECONFIG`
      : `there are: ${known.join(', ')}`,
  );
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LxcriError('ConfigError', `${file} cannot be read: ${message}`, 'check KUBECONFIG');
  }
}

/** JSON is YAML too, and needs no parser of ours. */
async function parsed(file: string, text: string): Promise<unknown> {
  if (text.trimStart().startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      // It may be YAML that begins so.
    }
  }
  const { plainYaml } = await import('./plain-yaml.ts');
  const plain = plainYaml(text);
  if (plain !== undefined) return plain;
  const { parseYaml } = await import('./yaml.ts');
  return parseYaml(file, text);
}

/** As `kubectl` merges them: the first file that has an entry of a name, or a current context, wins. */
function merged(documents: readonly { file: string; document: unknown }[]): Kubeconfig {
  const result = {
    clusters: new Map<string, Named>(),
    users: new Map<string, Named>(),
    contexts: new Map<string, Named>(),
  };
  let current: string | undefined;
  for (const { file, document } of documents) {
    if (document === null || document === undefined) continue;
    const top = record(document, file);
    current ??= textOrNothing(top['current-context']);
    const lists = { clusters: 'cluster', users: 'user', contexts: 'context' } as const;
    for (const [list, key] of Object.entries(lists) as [keyof typeof lists, string][]) {
      const items = top[list] ?? [];
      if (!Array.isArray(items)) throw wrong(file, `${list} is no list`);
      for (const item of items) {
        const { name, [key]: value } = record(item, file);
        if (typeof name !== 'string') throw wrong(file, `an entry of ${list} has no name`);
        if (!result[list].has(name)) result[list].set(name, { value: record(value ?? {}, file), file });
      }
    }
  }
  return { ...result, current };
}

async function clusterOfContext(
  name: string,
  config: Kubeconfig,
  env: NodeJS.ProcessEnv,
  abort: AbortSignal | undefined,
): Promise<ClusterConfig> {
  const context = entry(config, 'contexts', name);
  const clusterName = textOrNothing(context.value['cluster']) ?? '';
  const cluster = entry(config, 'clusters', clusterName);
  const userName = textOrNothing(context.value['user']);
  const user = userName === undefined ? undefined : entry(config, 'users', userName);
  refuseWhatIsNotDone(cluster, clusterName);
  const server = serverOf(cluster, clusterName);
  const ca = pem(cluster, 'certificate-authority');
  return {
    server,
    namespace: textOrNothing(context.value['namespace']) ?? 'default',
    ca,
    serverName: textOrNothing(cluster.value['tls-server-name']),
    identity:
      user === undefined
        ? {}
        : await identityOf({ ...user, name: userName ?? '' }, { ...cluster, name: clusterName, ca }, env, abort),
  };
}

function entry(config: Kubeconfig, list: 'clusters' | 'users' | 'contexts', name: string): Named {
  const found = config[list].get(name);
  if (found !== undefined) return found;
  const known = [...config[list].keys()].map((each) => JSON.stringify(each));
  throw new LxcriError(
    'ConfigError',
    `the kubeconfig has no ${list.slice(0, -1)} ${JSON.stringify(name)}`,
    known.length === 0 ? 'check KUBECONFIG' : `it has: ${known.join(', ')}`,
  );
}

function refuseWhatIsNotDone({ value }: Named, name: string): void {
  if (value['insecure-skip-tls-verify'] === true)
    throw new LxcriError(
      'ConfigError',
      `cluster ${JSON.stringify(name)} of the kubeconfig has insecure-skip-tls-verify, and secrets go to no server that has not proved who it is`,
      "put the cluster's certificate authority into certificate-authority-data instead",
    );
  if (textOrNothing(value['proxy-url']) !== undefined)
    throw new LxcriError(
      'ConfigError',
      `cluster ${JSON.stringify(name)} of the kubeconfig has a proxy-url, which is not supported`,
      'name an address that is reached directly, or a tunnel to it (with tls-server-name)',
    );
}

function serverOf({ value, file }: Named, name: string): URL {
  const text = textOrNothing(value['server']) ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || !['https:', 'http:'].includes(url.protocol))
    throw wrong(file, `the server of cluster ${JSON.stringify(name)} is no https:// address`);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new LxcriError(
      'ConfigError',
      `the server of cluster ${JSON.stringify(name)} is reached without TLS, by which everybody on the way can read along`,
      'use https://; http:// is for kubectl proxy on this host',
    );
  return url;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

async function identityOf(
  user: Named & { readonly name: string },
  cluster: Named & { readonly name: string; readonly ca: string | undefined },
  env: NodeJS.ProcessEnv,
  abort: AbortSignal | undefined,
): Promise<Identity> {
  const { value, file, name } = user;
  const headers = impersonation(user);
  const { exec, 'auth-provider': provider } = value;
  if (exec !== undefined && exec !== null) {
    const { identityByPlugin } = await import('./exec-plugin.ts');
    return { ...(await identityByPlugin({ name, exec, file, cluster: clusterInfo(cluster) }, env, abort)), headers };
  }
  if (provider !== undefined && provider !== null) {
    const { identityByProvider } = await import('./auth-provider.ts');
    return { ...identityByProvider(name, provider), headers };
  }
  const namedFile = textOrNothing(value['tokenFile']);
  const tokenFile = namedFile === undefined ? undefined : resolve(dirname(file), namedFile);
  const token =
    tokenFile === undefined ? textOrNothing(value['token']) : readSecret(file, tokenFile, 'tokenFile').trim();
  if (token !== undefined && !isHeaderText(token))
    throw wrong(
      file,
      `${tokenFile === undefined ? 'token' : `the file of tokenFile, ${tokenFile},`} of user ${JSON.stringify(name)} is no token: it is empty, or has more than one line or characters that no token has`,
    );
  const [userName, password] = [textOrNothing(value['username']), textOrNothing(value['password'])];
  const [cert, key] = [pem(user, 'client-certificate'), pem(user, 'client-key')];
  // A key alone is nothing to `kubectl`, either, and does no harm beside what says who we are.
  if (cert !== undefined && key === undefined) throw halfPair(name, 'client-certificate', 'client-key');
  if (cert === undefined && key !== undefined && token === undefined && userName === undefined)
    throw halfPair(name, 'client-key', 'client-certificate');
  return {
    token,
    tokenFile,
    ...(userName === undefined || token !== undefined ? {} : { basic: { user: userName, password: password ?? '' } }),
    cert,
    key,
    headers,
  };
}

/** Half of what proves who we are proves nothing, and what is asked for would be so by nobody. */
function halfPair(user: string, given: string, missing: string): LxcriError {
  return new LxcriError(
    'ConfigError',
    `user ${JSON.stringify(user)} of the kubeconfig has a ${given} without a ${missing}`,
    `add ${missing}, or ${missing}-data: a client certificate needs both`,
  );
}

/** (k8s.io/client-go, transport/round_trippers.go) */
function impersonation({ value, file }: Named): Record<string, string> {
  const as = textOrNothing(value['as']);
  const uid = textOrNothing(value['as-uid']);
  const groups = value['as-groups'];
  if (Array.isArray(groups) && groups.length > 1)
    throw new LxcriError('ConfigError', 'the kubeconfig has more than one of as-groups, which is not supported');
  const headers = {
    ...(as === undefined ? {} : { 'Impersonate-User': as }),
    ...(uid === undefined ? {} : { 'Impersonate-Uid': uid }),
    ...(Array.isArray(groups) && groups.length === 1 ? { 'Impersonate-Group': String(groups[0]) } : {}),
  };
  for (const [header, text] of Object.entries(headers))
    if (!isHeaderText(text)) throw wrong(file, `${header} would be ${JSON.stringify(text)}, which no header can hold`);
  return headers;
}

/** What a program that gives credentials is told (k8s.io/client-go, pkg/apis/clientauthentication, Cluster). */
function clusterInfo({ value, ca }: Named & { readonly ca: string | undefined }): Record<string, unknown> {
  const { server, 'tls-server-name': serverName, extensions } = value;
  const entries = Array.isArray(extensions) ? (extensions as { name?: unknown; extension?: unknown }[]) : [];
  const config = entries.find((each) => each?.name === 'client.authentication.k8s.io/exec')?.extension;
  return {
    server,
    ...(serverName === undefined ? {} : { 'tls-server-name': serverName }),
    ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(config === undefined ? {} : { config }),
  };
}

/** `KEY-data` in base64, or the file that `KEY` names. */
function pem({ value, file }: Named, key: string): string | undefined {
  const data = textOrNothing(value[`${key}-data`]);
  if (data !== undefined) return Buffer.from(data, 'base64').toString();
  const path = textOrNothing(value[key]);
  return path === undefined ? undefined : readSecret(file, path, key);
}

function readSecret(kubeconfig: string, path: string, key: string): string {
  const file = resolve(dirname(kubeconfig), path);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(kubeconfig, `${key}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/**
 * As a pod sees its own cluster (kubernetes.io/docs: Accessing the Kubernetes API from a Pod).
 *
 * @returns `undefined` where we are in none, or it was given no service account.
 */
function ofServiceAccount(env: NodeJS.ProcessEnv): ClusterConfig | undefined {
  const host = env['KUBERNETES_SERVICE_HOST'] || undefined;
  const tokenFile = `${SERVICE_ACCOUNT}/token`;
  if (host === undefined || readIfThere(tokenFile) === undefined) return undefined;
  const token = tokenIn(tokenFile);
  if (token === undefined) throw wrong(tokenFile, 'it is no token');
  const shown = host.includes(':') ? `[${host}]` : host;
  const server = `https://${shown}:${env['KUBERNETES_SERVICE_PORT'] || '443'}`;
  if (!URL.canParse(server))
    throw new LxcriError(
      'ConfigError',
      `KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address: ${JSON.stringify(server)}`,
      'they are set by Kubernetes, or name a kubeconfig file with KUBECONFIG',
    );
  return {
    server: new URL(server),
    // (k8s.io/client-go, tools/clientcmd/client_config.go)
    namespace: env['POD_NAMESPACE'] || (readIfThere(`${SERVICE_ACCOUNT}/namespace`) ?? '').trim() || 'default',
    ca: readSecret(tokenFile, 'ca.crt', 'its authority'),
    serverName: undefined,
    identity: { token, tokenFile },
  };
}

function record(value: unknown, file: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(file, 'it is no kubeconfig');
}

/** Empty is as good as absent, as in Go. */
function textOrNothing(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  // What is written without quotes may look like a number.
  return typeof value === 'number' ? String(value) : undefined;
}

function wrong(file: string, what: string): LxcriError {
  return new LxcriError('ConfigError', `${file}: ${what}`, 'see: kubectl config view');
}
