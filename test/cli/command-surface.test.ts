/**
 * The commands with their arguments and flags, which scripts of users depend on, against a copy of them under
 * test/fixtures. Whoever changes them on purpose writes the copy anew, and sees in its diff what users will:
 *
 *   npm run build && UPDATE_SNAPSHOT=1 mocha test/cli/command-surface.test.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

const MANIFEST = new URL('../../oclif.manifest.json', import.meta.url);
const SNAPSHOT = new URL('../fixtures/command-snapshot.json', import.meta.url);

interface Flag {
  name: string;
  type: string;
  char?: string;
  aliases?: string[];
  multiple?: boolean;
  required?: boolean;
  hidden?: boolean;
  options?: string[];
  default?: unknown;
  exclusive?: string[];
}

interface Manifest {
  commands: Record<string, { args: Record<string, Flag>; flags: Record<string, Flag>; strict: boolean }>;
}

/** What of a command scripts can depend on; not what people read. */
function surface({ commands }: Manifest): object {
  return sorted(commands, ({ args, flags, strict }) => ({
    args: Object.keys(args),
    flags: sorted(flags, ({ type, char, aliases, multiple, required, hidden, options, default: value, exclusive }) => ({
      type,
      ...(char === undefined ? {} : { char }),
      ...(aliases === undefined ? {} : { aliases }),
      ...(multiple === true ? { multiple } : {}),
      ...(required === true ? { required } : {}),
      ...(hidden === true ? { hidden } : {}),
      ...(options === undefined ? {} : { options }),
      ...(value === undefined ? {} : { default: value }),
      ...(exclusive === undefined ? {} : { exclusive }),
    })),
    strict,
  }));
}

function sorted<Value>(record: Record<string, Value>, to: (value: Value) => object): object {
  const names = Object.keys(record).toSorted();
  return Object.fromEntries(names.map((name) => [name, to(record[name] as Value)]));
}

describe('the commands and their flags', () => {
  it('are those that users know', () => {
    const now = surface(JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest);
    if (process.env['UPDATE_SNAPSHOT'] === '1') writeFileSync(SNAPSHOT, `${JSON.stringify(now, undefined, 2)}\n`);
    const known = JSON.parse(readFileSync(SNAPSHOT, 'utf8')) as object;
    expect(now, 'written anew as the head of this file says').to.deep.equal(known);
  });
});
