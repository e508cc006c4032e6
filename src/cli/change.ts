import type { Change } from '../oci/lifecycle/lifecycle.ts';
import { sanitize } from '../terminal/sanitize.ts';

/** The JSON form of what became of a container. */
export function changeDocument({ container, status, pid, changed }: Change): object {
  return { container, status, pid, changed };
}

/** One line for people, such as `101 (web) started`. */
export function changeText({ container: { id, name }, changed }: Change, done: string, already: string): string {
  return `${sanitize(name === id ? id : `${id} (${name})`)} ${changed ? done : already}\n`;
}
