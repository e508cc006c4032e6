/** The API server in `facade/`, a Go program: built once and kept, started and told what to do. */
import { spawn } from 'node:child_process';
import { createWriteStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { treeOf } from '../rootfs/cache.ts';
import type { Recipe } from '../rootfs/recipe.ts';
import { mustSync } from '../run.ts';

/** How the exec subresource behaves. */
export interface ExecBehaviour {
  /** v5.channel.k8s.io; without it the server is one of before 1.29, which passes WebSockets on to containerd: v4. */
  v5: boolean;
  /** false: something in front of the server takes the wish for a WebSocket away. */
  webSocket: boolean;
  /** Whether a GET needs the right to create pods/exec too, as since 1.35. */
  getNeedsCreate: boolean;
}

/** What a Role says, together with the namespaces it is bound in; `*` is everything. */
export interface Rule {
  namespaces: readonly string[];
  /** `pods`, `pods/exec`, `deployments` ... */
  resources: readonly string[];
  verbs: readonly string[];
  /** Of single objects. Default: all. */
  names?: readonly string[];
}

export interface FacadeUser {
  name: string;
  token?: string;
  rules: readonly Rule[];
}

export interface FacadeSettings {
  socket: string;
  cgroupParent: string;
  certFile: string;
  keyFile: string;
  clientCaFile: string;
  users: readonly FacadeUser[];
  exec: ExecBehaviour;
}

/** A request as it came. */
export interface SeenRequest {
  user: string;
  method: string;
  /** With the query. */
  uri: string;
  /** What the client wanted to upgrade to, and by which subprotocols. */
  protocol?: string;
}

export interface ContainerProcess {
  name: string;
  id: string;
  /** 0 when it has ended. */
  pid: number;
}

interface Reply {
  port?: number;
  requests?: SeenRequest[];
  containers?: ContainerProcess[];
  error?: string;
}

export interface Facade {
  readonly port: number;
  addUser(user: FacadeUser): Promise<void>;
  setExec(behaviour: ExecBehaviour): Promise<void>;
  requests(): Promise<SeenRequest[]>;
  containersOf(namespace: string, name: string): Promise<ContainerProcess[]>;
}

const SOURCES = new URL('facade/', import.meta.url);
const BUILD_TIMEOUT_MS = 900_000;
const BINARY = 'facade';

/** Minutes where Go has nothing in its cache; that is why the host's setup makes it before the tests. */
export const facadeRecipe: Recipe = {
  name: 'kubernetes-facade',
  sources: [
    new URL(import.meta.url),
    ...readdirSync(SOURCES)
      .filter((name) => /\.(go|mod|sum)$/.test(name))
      .toSorted()
      .map((name) => new URL(name, SOURCES)),
  ],
  build(directory) {
    mustSync(['go', 'build', '-buildvcs=false', '-ldflags=-s -w', '-o', join(directory, BINARY), '.'], {
      cwd: fileURLToPath(SOURCES),
      timeoutMs: BUILD_TIMEOUT_MS,
    });
  },
};

/**
 * @param directory where its log is kept.
 */
export async function startFacade(directory: string, settings: FacadeSettings): Promise<Facade> {
  // The directory is in its command line so that `removeEngine` finds it.
  const child = spawn(join(treeOf(facadeRecipe), BINARY), [`${directory}/`], {
    cwd: '/',
    // In a group of its own: an interrupt of the tests is not one of the server. It ends with its standard input.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)));
  child.stderr.pipe(createWriteStream(join(directory, 'log/facade.log')));
  child.stdin.on('error', () => {});
  let ended = false;
  const waiting: ((line: string | undefined) => void)[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => waiting.shift()?.(line));
  lines.on('close', () => {
    ended = true;
    for (const tell of waiting.splice(0)) tell(undefined);
  });
  const ask = async (line: object): Promise<Reply> => {
    const answered = new Promise<string | undefined>((resolve) => (ended ? resolve(undefined) : waiting.push(resolve)));
    child.stdin.write(`${JSON.stringify(line)}\n`);
    const text = await answered;
    if (text === undefined) throw new Error(`the facade has ended: ${log}`);
    const reply = JSON.parse(text) as Reply;
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  };
  const { port } = await ask(settings);
  if (port === undefined) throw new Error('the facade listens nowhere');
  return {
    port,
    addUser: async (user) => void (await ask({ user })),
    setExec: async (exec) => void (await ask({ exec })),
    requests: async () => (await ask({ requests: true })).requests ?? [],
    containersOf: async (Namespace, Name) => (await ask({ containers: { Namespace, Name } })).containers ?? [],
  };
}
