import { nearest } from '../values/nearest.ts';
import { KEY_NAMES, keySpec } from './keys.ts';

const PREFIX = 'PROXMOX_LXCRI_';

/** Those that are no keys: two name files and two a context; the last two tell of an execution, and of our own start. */
const OTHERS = ['CONFIG', 'CONTEXTS', 'CONTEXT', 'KUBE_CONTEXT', 'EXEC_ID', 'STDOUT_CLOSED'].map(
  (name) => `${PREFIX}${name}`,
);

/** A variable with our prefix that means nothing to us, and the one that was probably meant. */
export interface UnknownVariable {
  readonly name: string;
  readonly meant: string | undefined;
}

/** The variables of an environment that look like ours, and have no effect: most are mistyped. */
export function unknownVariables(env: NodeJS.ProcessEnv): UnknownVariable[] {
  const variables = KEY_NAMES.map((key) => keySpec(key).variable);
  const known = new Set([...variables, ...OTHERS]);
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.has(name))
    .map((name) => {
      const meant = nearest(
        name.slice(PREFIX.length),
        variables.map((variable) => variable.slice(PREFIX.length)),
      );
      return { name, meant: meant === undefined ? undefined : `${PREFIX}${meant}` };
    });
}
