/** Every method the double has. */
import type { Endpoint } from '../endpoint.ts';
import { ACCESS } from './access.ts';
import { AGENT } from './agent.ts';
import { CLUSTER } from './cluster.ts';
import { CONSOLES } from './consoles.ts';
import { EXECUTE } from './execute.ts';
import { GUESTS } from './guests.ts';
import { POWER } from './power.ts';
import { TASKS } from './tasks.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  ...ACCESS,
  ...CLUSTER,
  ...GUESTS,
  ...AGENT,
  ...POWER,
  ...TASKS,
  ...EXECUTE,
  ...CONSOLES,
];
