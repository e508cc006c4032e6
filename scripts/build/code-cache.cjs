'use strict';
// node code-cache.cjs [WORD...]: writes V8's code cache of the large bundles in dist/, for the Node that runs this. With
// words it is one call of the program, which writes the cache of every bundle it loaded; without, all that it takes.
// After the run, because then the cache holds every function that ran, and not only those that are compiled at once.
// Packages do not hold caches (no two are equal, and they suit one kind of machine): their installation runs this.
const { spawnSync } = require('node:child_process');
const { mkdirSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** Calls that load the large bundles between them, and end without a container. The last to load one writes its cache. */
const TYPICAL_CALLS = [
  ['__complete', 'host-containers'],
  ['context', 'list'],
  ['config', 'show'],
  ['hook', '--help'],
  ['exec', '--help'],
];

/** For the bundles that read a configuration and contexts: they are loaded only where there are some. */
const TYPICAL_CONFIGURATION = 'methods: [lxc-attach]\nexec:\n  timeout: 30s\n';
const TYPICAL_CONTEXTS =
  'contexts: {home: {hosts: [pve1.example], token: root@pam!cli, tokenFile: /etc/proxmox-lxcri/tokens/home}}\n';

const DIST = join(__dirname, '../../dist');

/** For what the calls read. Here, and not where all may write; if we are killed, the next run or prerm removes it. */
const WORK = join(DIST, 'work.cache.new');

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
    };
    writeFileSync(env.PROXMOX_LXCRI_CONFIG, TYPICAL_CONFIGURATION, { mode: 0o600 });
    writeFileSync(env.PROXMOX_LXCRI_CONTEXTS, TYPICAL_CONTEXTS, { mode: 0o600 });
    for (const words of TYPICAL_CALLS) {
      const call = [__filename, ...words];
      const options = { cwd: '/', env, encoding: 'utf8' };
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
