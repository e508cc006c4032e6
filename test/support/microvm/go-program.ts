/** Programs in Go that the tests are made with. */
import { join } from 'node:path';
import { must } from '../run.ts';
import { scratchDirectory } from '../scratch.ts';

/** Where the sources of the vsock device are. */
export const VSOCK_DEVICE_MODULE = join(import.meta.dirname, 'vhost-user-vsock');

type GoProgram = '.' | 'echo-guest' | 'observer';

const built = new Map<string, Promise<string>>();

/**
 * The path of a static program, built once a run.
 *
 * @param name of its package in the module beside this file; '.' is the vsock device.
 */
export function goProgram(name: GoProgram): Promise<string> {
  const known = built.get(name);
  if (known !== undefined) return known;
  const program = build(name);
  built.set(name, program);
  return program;
}

async function build(name: GoProgram): Promise<string> {
  const output = join(scratchDirectory(), 'program');
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };
  await must(['go', 'build', '-o', output, `./${name}`], { cwd: VSOCK_DEVICE_MODULE, env, timeoutMs: 300_000 });
  return output;
}
