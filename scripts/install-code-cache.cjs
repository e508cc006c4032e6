'use strict';
// Makes V8's code cache when npm installs this package, by the Node that the launcher starts. Without it the program only
// starts slower, so nothing here may fail an installation.
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');

function ownNode() {
  try {
    return join(dirname(createRequire(__filename).resolve(`node-linux-${process.arch}/package.json`)), 'bin/node');
  } catch {
    return process.execPath;
  }
}

// In a checkout it is the build that makes the caches, and it has not run yet.
if (existsSync(join(__dirname, '../dist/start.cjs'))) {
  const made = spawnSync(ownNode(), [join(__dirname, 'build/code-cache.cjs')], { encoding: 'utf8' });
  if (made.status !== 0) {
    console.error(made.error ? `proxmox-lxcri: ${made.error.message}` : made.stderr.trim());
  }
}
