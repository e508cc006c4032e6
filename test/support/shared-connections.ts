import { killIfThere } from './proc.ts';
import { run } from './run.ts';

/** Ends the shared connections of ssh that were made with files of a directory: they outlive a call for a while. */
export async function endSharedConnections(directory: string): Promise<void> {
  const { stdout } = await run(['ps', '-eo', 'pid=,args=']);
  for (const line of stdout.split('\n').filter((each) => each.includes(directory) && each.includes('ssh'))) {
    killIfThere(Number(line.trim().split(' ')[0]), 'SIGTERM');
  }
}
