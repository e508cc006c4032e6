import { unknownVariables } from '../config/variables.ts';
import { say } from './messages.ts';

/** Says on standard error which variables are without effect. For verbs that are about what holds here: others obey in silence. */
export function warnOfUnknownVariables(env: NodeJS.ProcessEnv): void {
  for (const { name, meant } of unknownVariables(env)) {
    const next = meant === undefined ? 'see: proxmox-lxcri config show --origin' : `did you mean ${meant}?`;
    say(`the variable ${name.slice(0, 80)} has no effect: there is none of this name; ${next}`);
  }
}
