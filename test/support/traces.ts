/** What on the host still tells of something: for proving that nothing does. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { DEFAULT_LXCPATH, SCRATCH_PARENT } from './places.ts';
import { runSync } from './run.ts';

/** Files, mounts, sockets, cgroups and processes whose path or command line holds one of the words. */
export function tracesOf(words: readonly string[]): string[] {
  const hit = (text: string): boolean => words.some((word) => text.includes(word));
  const lines = (text: string): string[] => text.split('\n').filter(hit);
  return [
    ...[DEFAULT_LXCPATH, '/var/log/lxc', SCRATCH_PARENT]
      .filter(existsSync)
      .flatMap((directory) => readdirSync(directory).filter(hit)),
    ...lines(readFileSync('/proc/mounts', 'utf8')),
    ...lines(readFileSync('/proc/net/unix', 'utf8')),
    ...lines(runSync(['find', '/sys/fs/cgroup', '-name', 'lxc.*']).stdout),
    ...lines(runSync(['ps', '-eo', 'pid,args']).stdout),
  ];
}
