import { METHOD_NAMES } from '../model/request.ts';
import type { MethodName } from '../model/request.ts';
import { InvalidValue } from './invalid-value.ts';
import { quoted } from './quoted.ts';

/**
 * An order of methods.
 *
 * @param offered the ones that are named when one of them does not exist.
 * @throws InvalidValue
 */
export function methodNames(names: readonly string[], offered: readonly string[]): MethodName[] {
  return names.map((name) => {
    const method = METHOD_NAMES.find((known) => known === name);
    if (method !== undefined) return method;
    throw new InvalidValue(`there is no method ${quoted(name)}`, `use one or more of: ${offered.join(', ')}`);
  });
}
