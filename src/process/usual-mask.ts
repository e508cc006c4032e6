/**
 * The words that start a program with the file mode mask that programs of a container have, whatever our caller's is. The
 * mask is not ours to change in this process: other work of a host program goes on beside us, and in a worker thread Node
 * does not allow it. So a shell of this host does it, and becomes the program.
 */
export function withUsualMask(file: string): [string, ...string[]] {
  return ['/bin/sh', '-c', 'umask 022; exec "$0" "$@"', file];
}
