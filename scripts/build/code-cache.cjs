'use strict';
// node code-cache.cjs [WORD...]: writes V8's code cache of the large bundles in dist/, for the Node that runs this. With
// words it is one call of the program, which writes the cache of every bundle it loaded; without, all that it takes.
// After the run, because then the cache holds every function that ran, and not only those that are compiled at once.
// Packages do not hold caches (no two are equal, and they suit one kind of machine): their installation runs this.
const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { mkdirSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { Agent, createServer: createHttpServer } = require('node:http');
const { connect, createServer } = require('node:net');
const { join } = require('node:path');

/** What is run in a container of an engine, and of a cluster, that there are only for this. */
const TYPICAL_EXEC = ['exec', 'docker:0', '--', 'true'];
const TYPICAL_POD_EXEC = ['exec', 'k8s:0', '--', 'true'];

/** Calls that load the large bundles between them, and end without a container. The last to load one writes its cache. */
const TYPICAL_CALLS = [
  ['__complete', 'host-containers'],
  ['context', 'list'],
  ['config', 'show'],
  ['hook', '--help'],
  ['exec', '--help'],
  TYPICAL_POD_EXEC,
  TYPICAL_EXEC,
];

/** For the bundles that read a configuration and contexts: they are loaded only where there are some. */
const TYPICAL_CONFIGURATION = 'methods: [lxc-attach]\nexec:\n  timeout: 30s\n';
const TYPICAL_CONTEXTS =
  'contexts: {home: {hosts: [pve1.example], token: root@pam!cli, tokenFile: /etc/proxmox-lxcri/tokens/home}}\n';

/** As `kubectl config` writes it. Nobody listens there: the connections lead to a socket of ours. */
const TYPICAL_KUBECONFIG = `clusters:
- cluster:
    server: http://127.0.0.1:1
  name: home
contexts:
- context:
    cluster: home
    user: me
  name: home
current-context: home
users:
- name: me
  user:
    token: none
`;

const DIST = join(__dirname, '../../dist');

/** For what the calls read. Here, and not where all may write; if we are killed, the next run or prerm removes it. */
const WORK = join(DIST, 'work.cache.new');

const ENGINE_SOCKET = 'engine';
const CLUSTER_SOCKET = 'cluster';

/**
 * Answers as an engine of Docker whose container 0 runs a command that says something. Its process is ours: the program
 * believes an id that it finds in the process's cgroup (cgroups(7): each line of it begins with a number, the last with 0).
 */
function serveEngine() {
  const { pid } = process;
  const container = { Id: '0', Name: '/0', State: { Status: 'running', Pid: pid }, Config: {} };
  const answers = [
    { asked: /^GET .containers/, status: '200 OK', text: JSON.stringify(container) },
    { asked: /^POST .containers/, status: '201 Created', text: '{"Id":"0"}' },
    { asked: /^GET .exec/, status: '200 OK', text: JSON.stringify({ Running: false, ExitCode: 0, Pid: pid }) },
  ];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const request = chunk.toString('latin1');
      const answer = answers.find(({ asked }) => asked.test(request));
      if (answer === undefined) {
        const output = '\x01\0\0\0\0\0\0\x03ok\n';
        socket.end(`HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${output}`);
        return;
      }
      const { status, text } = answer;
      socket.write(`HTTP/1.1 ${status}\r\nApi-Version: 1.41\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    });
  });
  server.listen(ENGINE_SOCKET).unref();
}

/**
 * Answers as a cluster whose pod 0 runs a command that says something: what its loader and its guard say, as they are told
 * to (src/methods/kubernetes/scripts.ts). The key of what the program sends is zero, so that it can be read as it is.
 */
function serveCluster() {
  const pod = {
    metadata: { name: '0', namespace: 'default' },
    spec: { containers: [{ name: '0' }] },
    status: { phase: 'Running' },
  };
  const server = createHttpServer((request, response) => {
    request.resume();
    const isReview = request.method === 'POST';
    response.writeHead(isReview ? 201 : 200).end(JSON.stringify(isReview ? { status: { allowed: true } } : pod));
  });
  server.on('upgrade', (request, socket) => {
    const { 'sec-websocket-key': key } = request.headers;
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const [, , , name, command] = new URL(request.url, 'http://0').searchParams.getAll('command');
    const say = (channel, text) => socket.write(Buffer.from([0x82, text.length + 1, channel, ...Buffer.from(text)]));
    let heard = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (command === undefined && heard.endsWith('W\n')) say(1, 'R\n');
      if (command === undefined || !heard.includes(`\n${name}\n`)) return;
      say(2, `${name} started\n`);
      say(1, 'ok\n');
      say(2, `${name} exit 0\n`);
      say(3, '{"status":"Success"}');
      socket.end(Buffer.of(0x88, 0));
    });
    const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
    socket.write(`${upgraded}Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`);
    if (command !== undefined) say(2, `${name} ready\n`);
  });
  server.on('connection', (socket) => socket.unref());
  server.listen(CLUSTER_SOCKET).unref();
  Agent.prototype.createConnection = () => connect(CLUSTER_SOCKET);
}

function makeAll() {
  // A signal ends the call that is running, and then us, with nothing left behind.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  rmSync(WORK, { recursive: true, force: true });
  mkdirSync(WORK, { mode: 0o700 });
  try {
    const env = {
      HOME: '/',
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      PROXMOX_LXCRI_CONFIG: join(WORK, 'config.yaml'),
      // None is kept: it has to be read.
      PROXMOX_LXCRI_CONTEXTS: join(WORK, 'contexts.yaml'),
      PROXMOX_LXCRI_CACHE_DIR: WORK,
      // Of the call itself: a longer path might be too long for a socket.
      DOCKER_HOST: `unix:///proc/self/cwd/${ENGINE_SOCKET}`,
      KUBECONFIG: join(WORK, 'kubeconfig'),
    };
    writeFileSync(env.PROXMOX_LXCRI_CONFIG, TYPICAL_CONFIGURATION, { mode: 0o600 });
    writeFileSync(env.PROXMOX_LXCRI_CONTEXTS, TYPICAL_CONTEXTS, { mode: 0o600 });
    writeFileSync(env.KUBECONFIG, TYPICAL_KUBECONFIG, { mode: 0o600 });
    for (const words of TYPICAL_CALLS) {
      const call = [__filename, ...words];
      const options = { cwd: WORK, env, encoding: 'utf8' };
      const { status, signal, stdout, stderr, error } = spawnSync(process.execPath, call, options);
      if (status === 0) continue;
      const reason = error ? error.message : signal === null ? (stdout + stderr).trim() : `ended by ${signal}`;
      throw new Error(`proxmox-lxcri ${words.join(' ')}: ${reason}`);
    }
  } finally {
    rmSync(WORK, { recursive: true });
  }
}

function makeThoseOf(words) {
  const { cacheFile, compile, load } = require(join(DIST, 'start.cjs'));
  const scripts = new Map();
  require.extensions['.cjs'] = (module, filename) => {
    const script = compile(filename);
    scripts.set(filename, script);
    load(module, filename, script);
  };
  process.on('exit', () => {
    for (const [bundle, script] of scripts) {
      const temporary = `${cacheFile(bundle)}.new`;
      writeFileSync(temporary, script.createCachedData());
      renameSync(temporary, cacheFile(bundle));
    }
  });
  if (words.join() === TYPICAL_EXEC.join()) serveEngine();
  if (words.join() === TYPICAL_POD_EXEC.join()) serveCluster();
  process.argv = [process.argv[0], join(DIST, 'start.cjs'), ...words];
  require(join(DIST, 'main.cjs'));
}

const words = process.argv.slice(2);
if (words.length > 0) makeThoseOf(words);
else
  try {
    makeAll();
  } catch (error) {
    console.error(`proxmox-lxcri: the start could not be made faster; all else works: ${error.message}`);
    process.exitCode = 1;
  }
