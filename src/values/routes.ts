import { API_ROUTES } from '../model/remote.ts';
import type { ApiRoute } from '../model/remote.ts';
import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/**
 * The name of a way to run commands over the API.
 *
 * @throws InvalidValue
 */
export function routeName(name: string): ApiRoute {
  const route = API_ROUTES.find((known) => known === name);
  if (route !== undefined) return route;
  throw new InvalidValue(`there is no route ${quoted(name)}`, `use one or more of: ${API_ROUTES.join(', ')}`);
}

/** Routes without doubles, in the order in which they are tried. */
export function orderedRoutes(routes: readonly ApiRoute[]): ApiRoute[] {
  return API_ROUTES.filter((route) => routes.includes(route));
}
