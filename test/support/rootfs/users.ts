/** The users of the containers without a useradd of their own; the Debian recipe makes the same ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function writeUsers(root: string, shell: string): void {
  writeFileSync(
    join(root, 'etc/passwd'),
    [
      `root:x:0:0:root:/root:${shell}`,
      `app:x:1000:1000:the application:/home/app:${shell}`,
      'nobody:x:65534:65534:nobody:/:/sbin/nologin',
      '',
    ].join('\n'),
  );
  writeFileSync(
    join(root, 'etc/group'),
    ['root:x:0:', 'app:x:1000:', 'extra:x:2000:app', 'shared:x:2001:app', 'nobody:x:65534:', ''].join('\n'),
  );
  mkdirSync(join(root, 'home/app'), { recursive: true });
}

/** home/app belongs to app; apart from the writing, because a copy made by `cp` or a link keeps owners. */
export const APP = { uid: 1000, gid: 1000 } as const;
