/** Our program on nodes that are sshds of this machine. */
import { run } from '../run.ts';

export interface NodeProgram {
  pid: number;
  parent: number;
}

/** Those that speak over a session of this server; their guardians have left it. */
export async function programsOnNodes(sshd: number): Promise<NodeProgram[]> {
  const { stdout } = await run(['ps', '-eo', 'pid=,ppid=,args=']);
  const all = stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, parent, args = '']) => ({ pid: Number(pid), parent: Number(parent), args }));
  const parentOf = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const isBelow = (pid: number): boolean => {
    const parent = parentOf.get(pid);
    return parent !== undefined && (parent === sshd || isBelow(parent));
  };
  const programs = all.filter(({ pid, args }) => args.startsWith('perl -e $p=') && isBelow(pid));
  // The guardian is a child of its program.
  return programs.filter(({ parent }) => !programs.some(({ pid }) => pid === parent));
}
