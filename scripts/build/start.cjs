'use strict';
// The start of the program, copied into dist/ as it is. Loads the bundles (dist/*.cjs) with V8's code cache, which the
// build made beside them: compiling would be most of the start-up time. Written so that any Node since 10 can parse it,
// and say that it is too old.
const fs = require('fs');
const vm = require('vm');
const { createRequire } = require('module');

const OLDEST = [22, 19];
const CALLER = 'PROXMOX_LXCRI_CALLER_';

/** V8 accepts only its own cache; the machine's kind is in the name because V8 does not check it. */
function cacheFile(bundle) {
  return `${bundle}.${process.arch}-${process.versions.v8}.cache`;
}

function readCache(bundle) {
  try {
    return fs.readFileSync(cacheFile(bundle));
  } catch {
    return undefined;
  }
}

/** A cache that is missing or refused only means that V8 compiles. */
function compile(bundle, cachedData) {
  // The build writes ASCII only, and V8 takes that without decoding.
  const source = fs.readFileSync(bundle, 'latin1');
  return new vm.Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: bundle,
    cachedData,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/** As Node loads a CommonJS module, but compiled by us. */
function load(module, bundle, script) {
  script.runInThisContext().call(module.exports, module.exports, createRequire(bundle), module, bundle, module.path);
}

function start() {
  const version = process.versions.node.split('.').map(Number);
  if (version[0] < OLDEST[0] || (version[0] === OLDEST[0] && version[1] < OLDEST[1])) {
    const found = `${process.versions.node} (${process.execPath})`;
    console.error(`proxmox-lxcri: needs Node.js ${OLDEST.join('.')} or later, found ${found}`);
    process.exit(125);
  }
  // The launcher hides from this Node what is not meant for it: variables, and words that look like its options.
  const { env } = process;
  for (const name of Object.keys(env).filter((key) => key.startsWith(CALLER))) {
    env[name.slice(CALLER.length)] = env[name];
    delete env[name];
  }
  if (env.PROXMOX_LXCRI_HIDDEN_WORDS !== undefined) {
    delete env.PROXMOX_LXCRI_HIDDEN_WORDS;
    for (let at = 2; at < process.argv.length; at++) process.argv[at] = process.argv[at].slice(1);
  }
  // All our bundles, and nothing else that is ever loaded, end in .cjs and lie in this folder.
  const loadOther = require.extensions['.js'];
  require.extensions['.cjs'] = function (module, filename) {
    if (module.path !== __dirname) return loadOther(module, filename);
    load(module, filename, compile(filename, readCache(filename)));
  };
  require('./main.cjs');
}

if (require.main === module) start();
else module.exports = { cacheFile, compile, load };
