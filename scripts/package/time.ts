/** The time that everything in a package has, so that it does not tell when it was made. */
import { run } from './run.ts';

/**
 * SOURCE_DATE_EPOCH (reproducible-builds.org), else the time of the last commit; in seconds since 1970.
 *
 * @param root the project's directory.
 * @throws Error when neither is there.
 */
export function sourceTime(root: string, env: NodeJS.ProcessEnv): number {
  const given = env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) {
    if (/^\d{1,11}$/.test(given)) return Number(given);
    throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(given)}, and not a number of seconds since 1970`);
  }
  try {
    // Root builds what is somebody else's checkout, too.
    return Number(run(['git', '-c', 'safe.directory=*', 'log', '-1', '--format=%ct'], { cwd: root, env }));
  } catch (error) {
    throw new Error('the time of the last commit is not known; set SOURCE_DATE_EPOCH', { cause: error });
  }
}
