/**
 * Runs a command in every container that runs, from a CommonJS program.
 *
 *     node captured.cjs [NAME...]
 */
'use strict';
const { createRuntime, isLxcriError } = require('proxmox-lxcri');

async function main(names) {
  const runtime = createRuntime();
  const running = (await runtime.ps()).filter(({ status }) => status === 'running');
  const wanted = running.filter(({ name }) => names.length === 0 || names.includes(name));
  const results = await Promise.all(
    wanted.map(({ reference }) => runtime.exec(reference, ['cat', '/proc/loadavg'], { timeoutMs: 10_000 })),
  );
  for (const { container, exitCode, stdout, error } of results) {
    console.log(`${container?.name}: ${error?.message ?? (exitCode === 0 ? stdout.trim() : `exit code ${exitCode}`)}`);
  }
  if (results.some(({ exitCode }) => exitCode !== 0)) process.exitCode = 1;
}

main(process.argv.slice(2)).catch((error) => {
  // Everything but exec rejects.
  console.error(isLxcriError(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = isLxcriError(error) ? error.exitCode : 1;
});
