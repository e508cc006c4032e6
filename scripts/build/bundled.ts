/** What of npm's packages is in the bundles, as the bundler says. */
import type { Metafile } from 'esbuild';

/** Beneath dist/: the places of the packages in the source tree, as JSON. It is for who makes packages. */
export const BUNDLED_FILE = 'bundled.json';

const PLACE = /(?:^|\/)((?:node_modules\/(?:@[^/]+\/)?[^/]+\/)+)/;

/** The places of the packages that something has been taken from: `node_modules/ws`. */
export function bundledPackages(metafiles: readonly Metafile[]): string[] {
  const places = new Set<string>();
  for (const { outputs } of metafiles) {
    for (const { inputs } of Object.values(outputs)) {
      for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
        const place = PLACE.exec(path)?.[1];
        if (place !== undefined && bytesInOutput > 0) places.add(place.slice(0, -1));
      }
    }
  }
  return [...places].toSorted();
}
