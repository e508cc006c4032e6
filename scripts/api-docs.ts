/** Writes docs/api.md, the reference of the library, from the declarations that the build made. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { extractApi } from './api-docs/extract.ts';
import { renderApi } from './api-docs/render.ts';

const ROOT = resolve(import.meta.dirname, '..');
const { about, items } = extractApi(ROOT);
writeFileSync(join(ROOT, 'docs/api.md'), renderApi(about, items));
