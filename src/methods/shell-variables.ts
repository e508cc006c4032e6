import type { ExecRequest } from '../model/request.ts';
import { isShellVariableName, shownVariableName } from '../model/rules.ts';
import type { Availability } from './method.ts';

/** What a method that gives a command its environment by a shell cannot do with a request; other names get lost there. */
export function shellCarries({ env }: ExecRequest): Availability {
  const name = [...env.keys()].find((key) => !isShellVariableName(key));
  if (name === undefined) return { ok: true };
  return {
    ok: false,
    reason: `the name of ${shownVariableName(name)} (-e) gets lost on the way, which leads through a shell`,
  };
}
