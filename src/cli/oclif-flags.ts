import { Flags } from '@oclif/core';

import type { FlagSpec } from './flags.ts';

/** A flag of our own table as oclif knows it. */
function oclifFlag(spec: FlagSpec) {
  const common = {
    summary: spec.summary,
    ...(spec.char === undefined ? {} : { char: spec.char as 'a' }),
    ...(spec.aliases === undefined ? {} : { aliases: [...spec.aliases] }),
  };
  if (spec.value === undefined) return Flags.boolean(common);
  const valued = { ...common, helpValue: spec.value };
  return spec.multiple ? Flags.string({ ...valued, multiple: true, multipleNonGreedy: true }) : Flags.string(valued);
}

/** Those flags of a table that are named, for oclif. */
export function oclifFlags(specs: readonly FlagSpec[], names?: readonly string[]) {
  const wanted = specs.filter(({ name }) => names === undefined || names.includes(name));
  return Object.fromEntries(wanted.map((spec) => [spec.name, oclifFlag(spec)]));
}
