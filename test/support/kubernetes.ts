/**
 * A Kubernetes for tests: real pods, real exec, and no cluster.
 *
 * - Pods are made by a real containerd of the tests' own (Debian's, with runc), through the interface that a kubelet
 *   uses. Their network is the host's. Images are made of the same root file systems as the other containers.
 * - What is executed goes through containerd's real streaming server: exit codes, terminals, sizes, half-closed input.
 * - In front of it is the facade (`kubernetes/facade/`, Go): an API server with TLS, tokens, client certificates and
 *   rights, for what a client needs to find a pod and to execute in it. It answers in the real shapes and with the real
 *   errors. WebSockets of v5.channel.k8s.io are translated by the code of the real API server (k8s.io/apiserver);
 *   v4 and SPDY are passed on, as there. It plays the kubelet too.
 * - Objects other than pods (`createWorkload`) are kept and given back; nobody makes their pods.
 *
 * ```ts
 * const kubernetes = await startKubernetes();
 * const pod = await kubernetes.createPod({ containers: [{ name: 'web' }, { name: 'log' }] });
 * await kubernetes.kubectl('exec', pod.name, '-c', 'web', '--', 'true');
 * await kubernetes.stop();
 * ```
 *
 * As everywhere in Kubernetes, a connection that is lost ends no command: it runs on until its output breaks.
 * At most 8 commands at once in one pod: beyond some twenty, the shim of containerd 1.6 stands still for 20 seconds.
 *
 * To lose connections, put a `startTcpProxy('127.0.0.1', kubernetes.port)` in front of it, and write a kubeconfig with
 * its port.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { findExecutable } from '../../src/process/executable.ts';
import { needs } from './component.ts';
import { type CertificateFiles, createClusterAuthority } from './kubernetes/certificates.ts';
import { startContainerd } from './kubernetes/containerd.ts';
import { type ExecBehaviour, type Rule, type SeenRequest, facadeRecipe, startFacade } from './kubernetes/facade.ts';
import { imageReference } from './kubernetes/images.ts';
import { cgroupOf, removeEngine } from './docker/remove.ts';
import { remember } from './ledger.ts';
import { RUN_PREFIX, SCRATCH_PARENT } from './places.ts';
import { pidsInNamespaceOf } from './proc.ts';
import { isTreeCached } from './rootfs/cache.ts';
import type { Kind } from './rootfs/kinds.ts';
import { type RunResult, run } from './run.ts';
import { waitFor } from './wait-for.ts';

export type { ExecBehaviour, Rule, SeenRequest } from './kubernetes/facade.ts';

/** @param context mocha's `this` in a hook or test. */
export function needsKubernetes(context: { skip(): void }): void {
  for (const name of ['containerd', 'ctr', 'runc', 'kubectl', 'openssl'])
    needs(context, name, findExecutable(name) !== undefined);
  const built = isTreeCached(facadeRecipe) || findExecutable('go') !== undefined;
  needs(
    context,
    'go',
    built,
    'the API server of the tests is built by Go 1.24 or later, which Debian 12 does not have',
  );
}

/** Somebody whom the API server knows. */
export interface KubernetesUser {
  readonly name: string;
  /** undefined where it has a certificate. */
  readonly token: string | undefined;
  readonly certificate: CertificateFiles | undefined;
  /** A file with nothing but this user, this server and the namespace `default`. */
  readonly kubeconfig: string;
}

export interface UserOptions {
  /** Default: a name of its own. */
  name?: string;
  /** What it may do. Default: everything. */
  rules?: readonly Rule[];
  /** A client certificate instead of a token. */
  certificate?: boolean;
}

export interface KubeconfigOptions {
  /** Default: the one who may do everything. */
  user?: Pick<KubernetesUser, 'token' | 'certificate'>;
  /** Of a proxy on 127.0.0.1. Default: the server's. */
  port?: number;
  /** Of the context. Default: `default`. */
  namespace?: string;
}

export interface ContainerOptions {
  name: string;
  /** Which files it has. Default: busybox. */
  kind?: Kind;
  /** Default: an init that reaps. */
  command?: readonly string[];
  /** Further fields of the container, as in the API: `securityContext`, `env`, `workingDir`, `tty`, `stdin`. */
  spec?: Record<string, unknown>;
}

export interface PodOptions {
  /** Default: a name of its own. */
  name?: string;
  /** Default: `default`. */
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** Default: one, `main`. */
  containers?: readonly ContainerOptions[];
  /** They run one after the other before the containers are started. */
  initContainers?: readonly ContainerOptions[];
  /** Further fields of the pod's specification, as in the API: `restartPolicy`, `shareProcessNamespace` ... */
  spec?: Record<string, unknown>;
  /**
   * The pod is not run, and has this status for ever: one that waits for its image, or crashes. Without a `hostIP` in
   * it, no node has been found for the pod yet.
   */
  pretendedStatus?: Record<string, unknown>;
}

/** A pod, seen from outside without the code under test. */
export interface TestPod {
  readonly namespace: string;
  readonly name: string;
  /** The names of its containers. */
  readonly containers: readonly string[];
  /** The host's pid of the first process. @param container default: the first one. */
  initPid(container?: string): Promise<number>;
  /** The host's pids of all that runs in the container, its first process included; empty when it has ended. */
  pids(container?: string): Promise<number[]>;
  /** Begins to delete it as `kubectl delete` does; what runs gets the time to end. */
  delete(gracePeriodSeconds?: number): Promise<void>;
  /** Deletes it at once, and returns when it is gone. Harmless when it is. */
  destroy(): Promise<void>;
  /** Runs a command in it by kubectl. */
  attach(argv: readonly string[], container?: string): Promise<RunResult>;
}

/** The kinds of objects that own pods, by the names they have in the API. */
export type WorkloadResource = 'deployments' | 'statefulsets' | 'daemonsets' | 'replicasets' | 'jobs';

export interface WorkloadOptions {
  name: string;
  /** Default: `default`. */
  namespace?: string;
  /** The labels of its pods. */
  matchLabels: Record<string, string>;
  /** Further fields of its `spec.selector`: `matchExpressions`. */
  selector?: Record<string, unknown>;
}

export interface KubectlOptions {
  /** Default: none. */
  input?: string | Buffer;
  env?: Record<string, string>;
}

/** What the API server answered. */
export interface ApiAnswer {
  status: number;
  /** The text as it came. */
  text: string;
}

export interface TestKubernetes {
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly port: number;
  /** The certificate of the authority that signed the server's. */
  readonly caFile: string;
  /** Who may do everything. */
  readonly admin: KubernetesUser;
  /** The admin's, for `KUBECONFIG`. */
  readonly kubeconfig: string;
  /** For the CLI under test: the admin's kubeconfig. */
  readonly environment: Record<string, string>;
  addUser(options?: UserOptions): Promise<KubernetesUser>;
  /** Writes one more kubeconfig; returns its path. */
  writeKubeconfig(options?: KubeconfigOptions): string;
  /** How exec behaves from now on: all that is not given is as it is in a new server. */
  setExec(behaviour?: Partial<ExecBehaviour>): Promise<void>;
  /** All requests that came, also those of kubectl and of this object. */
  requests(): Promise<SeenRequest[]>;
  /** Makes a pod; its containers run when this returns. */
  createPod(options?: PodOptions): Promise<TestPod>;
  createWorkload(resource: WorkloadResource, options: WorkloadOptions): Promise<void>;
  /** A request of the admin. */
  api(method: string, path: string, body?: object): Promise<ApiAnswer>;
  /** Kubernetes' own client, as the admin. */
  kubectl(...words: string[]): Promise<RunResult>;
  /** The same with input, or further variables of the environment. */
  kubectlWith(options: KubectlOptions, ...words: string[]): Promise<RunResult>;
  stop(): Promise<void>;
}

const EVERYTHING: readonly Rule[] = [{ namespaces: ['*'], resources: ['*'], verbs: ['*'] }];
const NEW_SERVER: ExecBehaviour = { v5: true, webSocket: true, getNeedsCreate: false };
const POD_END_MS = 60_000;

let pods = 0;

/** Starts one; takes a second, and minutes where the facade has to be built first (`npm run setup:host` does it). */
export async function startKubernetes(behaviour: Partial<ExecBehaviour> = {}): Promise<TestKubernetes> {
  // A short path: sockets below it have long names.
  const directory = mkdtempSync(join(SCRATCH_PARENT, RUN_PREFIX));
  const forget = remember({ type: 'kubernetes', directory });
  try {
    return await start(directory, behaviour, forget);
  } catch (error) {
    removeEngine(directory);
    forget();
    throw error;
  }
}

async function start(
  directory: string,
  behaviour: Partial<ExecBehaviour>,
  forget: () => void,
): Promise<TestKubernetes> {
  const certificates = join(directory, 'certificates');
  mkdirSync(certificates);
  const [containerd, authority] = await Promise.all([startContainerd(directory), createClusterAuthority(certificates)]);
  const [serverFiles] = await Promise.all([authority.forServer(), containerd.provide('pause')]);
  const adminToken = randomBytes(24).toString('hex');
  const facade = await startFacade(directory, {
    socket: containerd.socket,
    cgroupParent: cgroupOf(directory),
    ...serverFiles,
    clientCaFile: authority.caFile,
    users: [{ name: 'admin', token: adminToken, rules: EVERYTHING }],
    exec: { ...NEW_SERVER, ...behaviour },
  });
  const { caFile } = authority;
  let kubeconfigs = 0;
  let users = 0;
  const writeKubeconfig = (options: KubeconfigOptions = {}): string => {
    kubeconfigs += 1;
    const file = join(directory, `kubeconfig-${kubeconfigs}`);
    writeFileSync(
      file,
      kubeconfigText({ user: { token: adminToken, certificate: undefined }, port: facade.port, ...options }, caFile),
      {
        mode: 0o600,
      },
    );
    return file;
  };
  const userOf = (name: string, token: string | undefined, certificate?: CertificateFiles): KubernetesUser => ({
    name,
    token,
    certificate,
    kubeconfig: writeKubeconfig({ user: { token, certificate } }),
  });
  const admin = userOf('admin', adminToken);
  const environment = { KUBECONFIG: admin.kubeconfig };
  // Not the caches of the one who runs the tests.
  const env = { PATH: process.env['PATH'], HOME: join(directory, 'home'), ...environment };
  mkdirSync(env.HOME);
  const kubectlWith = ({ input, env: more }: KubectlOptions, ...words: string[]): Promise<RunResult> =>
    run(['kubectl', ...words], { env: { ...env, ...more }, ...(input === undefined ? {} : { input }) });
  const kubectl = (...words: string[]): Promise<RunResult> => kubectlWith({}, ...words);
  const api = (method: string, path: string, body?: object): Promise<ApiAnswer> =>
    ask({ port: facade.port, caFile, token: adminToken, method, path, body });
  const mustApi = async (method: string, path: string, body?: object): Promise<void> => {
    const { status, text } = await api(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status}: ${text}`);
  };
  return {
    server: `https://127.0.0.1:${facade.port}`,
    port: facade.port,
    caFile,
    admin,
    kubeconfig: admin.kubeconfig,
    environment,
    writeKubeconfig,
    setExec: (wanted = {}) => facade.setExec({ ...NEW_SERVER, ...wanted }),
    requests: () => facade.requests(),
    kubectl,
    kubectlWith,
    api,
    async addUser({ name, rules = EVERYTHING, certificate = false } = {}) {
      users += 1;
      const known = name ?? `user-${users}`;
      const token = certificate ? undefined : randomBytes(24).toString('hex');
      await facade.addUser({ name: known, rules, ...(token === undefined ? {} : { token }) });
      return userOf(known, token, certificate ? await authority.forUser(known) : undefined);
    },
    async createPod(options = {}) {
      pods += 1;
      const { namespace = 'default', name = `${RUN_PREFIX}${pods}`, containers = [{ name: 'main' }] } = options;
      const all = [...(options.initContainers ?? []), ...containers];
      if (options.pretendedStatus === undefined)
        await Promise.all(
          [...new Set(all.map(({ kind = 'busybox' }) => kind))].map((kind) => containerd.provide(kind)),
        );
      const path = `/api/v1/namespaces/${namespace}/pods`;
      await mustApi('POST', path, podObject(name, { ...options, containers }));
      const processOf = async (container = containers[0]?.name): Promise<number> => {
        const found = (await facade.containersOf(namespace, name)).find((each) => each.name === container);
        return found?.pid ?? 0;
      };
      return {
        namespace,
        name,
        containers: containers.map((each) => each.name),
        initPid: processOf,
        async pids(container) {
          const pid = await processOf(container);
          return pid === 0 ? [] : pidsInNamespaceOf(pid);
        },
        delete: (gracePeriodSeconds = 30) => mustApi('DELETE', `${path}/${name}`, { gracePeriodSeconds }),
        async destroy() {
          const { status, text } = await api('DELETE', `${path}/${name}`, { gracePeriodSeconds: 0 });
          if (status !== 200 && status !== 404) throw new Error(`${name} cannot be deleted: ${status}: ${text}`);
          await waitFor(async () => (await api('GET', `${path}/${name}`)).status === 404, {
            what: `pod ${name} to be gone`,
            timeoutMs: POD_END_MS,
          });
        },
        attach: (argv, container) =>
          kubectl(
            'exec',
            '--namespace',
            namespace,
            name,
            ...(container === undefined ? [] : ['-c', container]),
            '--',
            ...argv,
          ),
      };
    },
    async createWorkload(resource, { name, namespace = 'default', matchLabels, selector }) {
      const group = resource === 'jobs' ? 'batch' : 'apps';
      await mustApi('POST', `/apis/${group}/v1/namespaces/${namespace}/${resource}`, {
        metadata: { name },
        spec: { selector: { matchLabels, ...selector }, template: { metadata: { labels: matchLabels } } },
      });
    },
    async stop() {
      removeEngine(directory);
      forget();
    },
  };
}

function podObject(name: string, options: PodOptions): object {
  const { labels, annotations, containers = [], initContainers, spec, pretendedStatus } = options;
  return {
    metadata: {
      name,
      labels,
      annotations: {
        ...annotations,
        ...(pretendedStatus === undefined ? {} : { 'facade/status': JSON.stringify(pretendedStatus) }),
      },
    },
    spec: {
      ...spec,
      containers: containers.map(containerObject),
      initContainers: initContainers?.map(containerObject),
    },
  };
}

function containerObject({ name, kind = 'busybox', command, spec }: ContainerOptions): object {
  return { name, image: imageReference(kind), command, ...spec };
}

function kubeconfigText({ user, port, namespace = 'default' }: KubeconfigOptions, caFile: string): string {
  const base64 = (file: string): string => readFileSync(file).toString('base64');
  const credentials =
    user?.certificate === undefined
      ? [`    token: ${user?.token ?? ''}`]
      : [
          `    client-certificate-data: ${base64(user.certificate.certFile)}`,
          `    client-key-data: ${base64(user.certificate.keyFile)}`,
        ];
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- name: test',
    '  cluster:',
    `    server: https://127.0.0.1:${port}`,
    `    certificate-authority-data: ${base64(caFile)}`,
    'users:',
    '- name: test',
    '  user:',
    ...credentials,
    'contexts:',
    '- name: test',
    '  context:',
    '    cluster: test',
    '    user: test',
    `    namespace: ${namespace}`,
    'current-context: test',
    '',
  ].join('\n');
}

interface ApiRequest {
  port: number;
  caFile: string;
  token: string;
  method: string;
  path: string;
  body: object | undefined;
}

function ask({ port, caFile, token, method, path, body }: ApiRequest): Promise<ApiAnswer> {
  const payload = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        host: '127.0.0.1',
        port,
        ca: readFileSync(caFile),
        agent: false,
        method,
        path,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on('error', reject);
      },
    );
    asking.on('error', reject);
    asking.end(payload);
  });
}
