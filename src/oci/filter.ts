import { LxcriError } from '../model/errors.ts';
import { STATUSES } from '../model/status.ts';
import type { ContainerSummary } from '../model/status.ts';

/** What containers can be filtered by. */
export const FILTER_KEYS = [
  'id',
  'name',
  'status',
  'platform',
  'type',
  'node',
  'context',
  'pool',
  'tag',
  'lock',
] as const;
type FilterKey = (typeof FILTER_KEYS)[number];

/** Whether a container is one of those asked for. */
export type Filter = (container: ContainerSummary) => boolean;

/** What users of Docker call these. */
const STATUS_ALIASES: Record<string, string> = { exited: 'stopped', paused: 'frozen' };

/**
 * Makes one filter of several `KEY=VALUE`, as `docker ps --filter` does: values of one key are alternatives, different
 * keys must all fit. `name` is a regular expression that may match anywhere; the others are compared whole.
 *
 * @throws LxcriError `UsageError`
 */
export function parseFilters(texts: readonly string[]): Filter {
  const tests = new Map<FilterKey, Filter[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const key = FILTER_KEYS.find((known) => known === text.slice(0, Math.max(equals, 0)));
    if (key === undefined) {
      throw new LxcriError(
        'UsageError',
        `--filter: ${JSON.stringify(text)} is not KEY=VALUE with a key that containers have`,
        `keys are: ${FILTER_KEYS.join(', ')}`,
      );
    }
    tests.set(key, [...(tests.get(key) ?? []), testFor(key, text.slice(equals + 1))]);
  }
  return (container) => [...tests.values()].every((alternatives) => alternatives.some((test) => test(container)));
}

function testFor(key: FilterKey, value: string): Filter {
  switch (key) {
    case 'name': {
      const pattern = parsePattern(value);
      return ({ name }) => pattern.test(name);
    }
    case 'status': {
      const status = STATUS_ALIASES[value.toLowerCase()] ?? value.toLowerCase();
      if (!(STATUSES as readonly string[]).includes(status)) {
        throw new LxcriError(
          'UsageError',
          `--filter: there is no status ${JSON.stringify(value)}`,
          `statuses are: ${STATUSES.join(', ')}; for several repeat the flag`,
        );
      }
      return (container) => container.status === status;
    }
    case 'tag':
      return ({ tags }) => tags.includes(value);
    default:
      return (container) => container[key] === value;
  }
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new LxcriError(
      'UsageError',
      `--filter: ${JSON.stringify(text)} is not a regular expression`,
      'write a part of the name, or a pattern such as ^web',
    );
  }
}
