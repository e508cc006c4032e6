'use strict';
// node code-cache.cjs DIST [WORD...]: runs the program once and writes V8's code cache of every bundle it loaded.
// After the run, because then the cache holds every function that ran, and not only those that are compiled at once.
const { writeFileSync, renameSync } = require('node:fs');
const { join } = require('node:path');

const [dist, ...words] = process.argv.slice(2);
const { cacheFile, compile, load } = require(join(dist, 'start.cjs'));

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

process.argv = [process.argv[0], join(dist, 'start.cjs'), ...words];
require(join(dist, 'main.cjs'));
