import type { Engine } from '../model/engine.ts';

/** A user as a container's /etc/passwd has it. */
export interface PasswdEntry {
  readonly name: string;
  readonly shell: string;
}

const FILE = '/etc/passwd';
const MAX_LINKS = 4;

/** Room for some ten thousand users. */
const MAX_BYTES = 1024 * 1024;

/**
 * Looks up a user in the file of a container. The engine reads it, whose look stays inside of the container wherever links
 * lead; and it needs no program there.
 *
 * @param user a name, or a number.
 * @returns `undefined` where there is none.
 */
export async function passwdEntry(
  engine: Engine,
  containerId: string,
  user: string,
  abort?: AbortSignal,
): Promise<PasswdEntry | undefined> {
  const text = await readFileOf(engine, containerId, abort);
  const byNumber = /^\d+$/.test(user);
  for (const line of text.split('\n')) {
    const [name = '', , uid, , , , shell = ''] = line.split(':');
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    if (name === '' || /[\u0000-\u001f\u007f]/.test(name + shell)) continue;
    if (byNumber ? uid === user : name === user) return { name, shell };
  }
  return undefined;
}

async function readFileOf(engine: Engine, containerId: string, abort: AbortSignal | undefined): Promise<string> {
  let path = FILE;
  for (let links = 0; links < MAX_LINKS; links++) {
    const query = `/containers/${containerId}/archive?path=${encodeURIComponent(path)}`;
    // oxlint-disable-next-line no-await-in-loop -- one link after the other
    const { status, bytes } = await engine.request('GET', query, undefined, abort);
    const entry = status === 200 ? firstEntry(bytes) : undefined;
    if (entry === undefined) return '';
    if (!('link' in entry)) return entry.text;
    path = entry.link.startsWith('/') ? entry.link : `/etc/${entry.link}`;
  }
  return '';
}

/** The first entry of an archive of tar (POSIX, ustar), if it is a file or a symbolic link. */
export function firstEntry(archive: Buffer): { readonly text: string } | { readonly link: string } | undefined {
  const BLOCK = 512;
  if (archive.length < BLOCK) return undefined;
  const field = (start: number, length: number): string =>
    (archive.toString('latin1', start, start + length).split('\0')[0] ?? '').trim();
  const size = Number.parseInt(field(124, 12), 8);
  const type = field(156, 1);
  if (type === '2') return { link: Buffer.from(field(157, 100), 'latin1').toString() };
  if ((type !== '0' && type !== '') || !(size >= 0 && size <= MAX_BYTES)) return undefined;
  return { text: archive.toString('utf8', BLOCK, BLOCK + size) };
}
