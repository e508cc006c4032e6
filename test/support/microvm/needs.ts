/** What a suite with a guest of its own needs on the host. */
import { existsSync } from 'node:fs';
import { needs } from '../component.ts';
import { needsGo } from '../go.ts';

export const USER_MODE_LINUX = '/usr/bin/linux.uml';

/** @param context mocha's `this` in a hook or test. */
export function needsMicroVm(context: { skip(): void }): void {
  if (process.arch !== 'x64') {
    // Nothing could be installed here, so this fails nowhere.
    console.log(`SKIPPED: Debian has no user-mode-linux for ${process.arch}`);
    context.skip();
  }
  needs(context, 'user-mode-linux', existsSync(USER_MODE_LINUX));
  needs(context, 'busybox-static', existsSync('/bin/busybox'));
  needsGo(context);
}
