/**
 * Runs a command, and looks at all that became of it.
 *
 *     node captured.mts CONTAINER
 */
import { createRuntime } from 'proxmox-lxcri';

const [, , container = ''] = process.argv;
const runtime = createRuntime();

const result = await runtime.exec(container, ['sh', '-c', 'echo "on $HOSTNAME"; df -P "$WHERE" | tail -n 1'], {
  env: { WHERE: '/', HOSTNAME: container },
  timeoutMs: 30_000,
});

if (result.error !== null) {
  // We failed, or the command never ran: why, and what to do about it.
  console.error(`${result.error.code}: ${result.error.message}`);
  if (result.error.hint !== undefined) console.error(result.error.hint);
} else if (result.exitCode !== 0) {
  console.error(`the command failed with ${result.exitCode}: ${result.stderr}`);
} else {
  // Output that is not UTF-8 comes as base64; the encoding says which, in the words of Buffer.
  process.stdout.write(Buffer.from(result.stdout, result.stdoutEncoding));
}
process.exitCode = result.exitCode;
