/** The range of ids that root may give to unprivileged containers. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { ID_BASE, ID_COUNT } from '../../test/support/rootfs/shift.ts';

const FILES = ['/etc/subuid', '/etc/subgid'];

/** The files whose ranges for root do not cover the one the tests use. */
export function filesWithoutRange(): string[] {
  return FILES.filter((file) => !(existsSync(file) ? readFileSync(file, 'utf8') : '').split('\n').some(covers));
}

export function addRange(files: readonly string[]): void {
  for (const file of files) {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const separator = text === '' || text.endsWith('\n') ? '' : '\n';
    appendFileSync(file, `${separator}root:${ID_BASE}:${ID_COUNT}\n`);
  }
}

function covers(line: string): boolean {
  const [user, first, count] = line.split(':');
  const begin = Number(first);
  return user === 'root' && begin <= ID_BASE && begin + Number(count) >= ID_BASE + ID_COUNT;
}
