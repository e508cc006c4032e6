/**
 * Runs a command that can be stopped: by Ctrl-C here, or when it has taken too long. Nothing of it stays behind.
 *
 *     node cancelled.mts CONTAINER SECONDS
 */
import { createRuntime } from 'proxmox-lxcri';

const [, , container = '', seconds = '5'] = process.argv;
const runtime = createRuntime();

// The library installs no signal handlers: what Ctrl-C means is this program's to say.
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

const run = runtime.exec(container, ['sh', '-c', 'echo "pid $$"; sleep 1000 & wait'], {
  signal: AbortSignal.any([interrupted.signal, AbortSignal.timeout(Number(seconds) * 1000)]),
  killAfterMs: 2000,
  stdout: 'pipe',
});
const started = await run.started;
if (started !== null) console.log(`started in ${started.container.name} by ${started.method}`);
run.stdout.pipe(process.stdout);

const { canceled, treeKill, exitCode, error } = await run;
if (error !== null) console.error(`${error.code}: ${error.message}`);
else console.log(canceled ? `canceled, ${treeKill ? 'all of it has ended' : 'some of it is left'}` : 'ended by itself');
process.exitCode = exitCode;
