/**
 * A cluster with a container, for api.ts: the double of the Proxmox API that the tests have. In a process of its own, as
 * it would be on a host of its own. It says how to reach it, and ends with its input.
 */
import { nodeShellPlace } from '../../test/e2e/node-shell-place.ts';

// From a terminal they are for the bench as well, and that ends us when it has finished.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
const place = await nodeShellPlace([{ vmid: 101, hostname: 'web' }]);
console.log(JSON.stringify({ env: place.env, lxcpath: place.cluster.container(101).lxcpath }));
process.stdin.on('end', () => void place.close());
process.stdin.resume();
