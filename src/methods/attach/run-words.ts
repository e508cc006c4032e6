import type { ExecRequest, Word } from '../../model/request.ts';
import { CARRIER_PREFIX } from './container-script.ts';
import type { ResolvedUser } from './user-lookup.ts';

/** The variables that carry the request's environment to RUN_SCRIPT. */
export function carriersOf(env: ExecRequest['env']): [name: string, value: string][] {
  return [...env].map(([key, value], index) => [`${CARRIER_PREFIX}${index}`, `${key}=${value}`]);
}

/**
 * The arguments of RUN_SCRIPT, the command's own words included.
 *
 * @param user the one who was asked for, if any.
 * @param terminal its type, or "" where the command gets none from us.
 */
export function runArguments(request: ExecRequest, user: ResolvedUser | undefined, terminal = ''): Word[] {
  const { id, workdir = '', command } = request;
  const login = command.length > 0 ? '' : (user?.shell ?? 'login');
  return [id, workdir, user?.home ?? '', user?.name ?? '', login, terminal, ...command];
}
