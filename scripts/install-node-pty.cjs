'use strict';
// Makes node-pty's native part where it is missing: its package has none for Linux, and its own install script wants to
// download Node's headers. The headers in our node-linux-* package will do (node-pty uses Node-API, which is the same
// in every Node). node-pty is optional, so nothing here may fail an installation.
const { spawnSync } = require('node:child_process');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');

const resolve = createRequire(__filename).resolve;

function packageDir(name) {
  try {
    return dirname(resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/** In a child: a native module that was made for another machine may end the process that loads it. */
function loads(dir) {
  return spawnSync(process.execPath, ['-e', 'require(process.argv[1])', dir], { stdio: 'ignore' }).status === 0;
}

function build(dir) {
  const nodeGyp = process.env.npm_config_node_gyp;
  if (nodeGyp === undefined) return 'node-gyp is not there (npm brings it)';
  const headers = packageDir(`node-linux-${process.arch}`);
  // In the environment, because there a setting of the machine's npm would win over an option. Without our package
  // node-gyp looks for headers on its own, as for any other native module.
  const env = headers === undefined ? process.env : { ...process.env, npm_config_nodedir: headers };
  const result = spawnSync(process.execPath, [nodeGyp, 'rebuild'], { cwd: dir, env, encoding: 'utf8' });
  if (result.status !== 0) return result.stderr.trim().split('\n').slice(-15).join('\n');
  return loads(dir) ? undefined : 'it was built, but does not load';
}

const dir = packageDir('node-pty');
if (dir !== undefined && !loads(dir)) {
  const problem = build(dir);
  if (problem !== undefined) {
    console.error(
      `proxmox-lxcri: node-pty could not be built; only what needs it will be missing. Reason:\n${problem}`,
    );
  }
}
