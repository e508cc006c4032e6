/** Writes schemas/config.schema.json from the table of keys: `npm run config:schema`, after a change to that. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { configSchema } from './config/schema.ts';

const FILE = join(resolve(import.meta.dirname, '..'), 'schemas/config.schema.json');

writeFileSync(FILE, `${JSON.stringify(configSchema(), undefined, 2)}\n`);
