/** The package for npm. */
import { join } from 'node:path';

import type { Sources } from './deb.ts';
import { run } from './run.ts';

/** Makes the package and returns its path. npm gives all files one time itself. */
export function makeNpmPackage({ root, output }: Sources): string {
  const printed = run(['npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', output], { cwd: root });
  const [packed] = JSON.parse(printed) as [{ filename: string }];
  return join(output, packed.filename);
}
