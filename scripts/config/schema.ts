import { KEY_NAMES, keySpec } from '../../src/config/keys.ts';
import type { Key } from '../../src/config/keys.ts';
import type { KindName } from '../../src/config/kinds.ts';
import { METHOD_NAMES } from '../../src/model/request.ts';
import { DIRECTORY_PATTERN } from '../../src/values/directory.ts';
import { DURATION_PATTERN } from '../../src/values/duration.ts';
import { SIZE_PATTERN } from '../../src/values/size.ts';

type Schema = Record<string, unknown>;

const DIRECTORY: Schema = { type: 'string', pattern: DIRECTORY_PATTERN };
const DURATION: Schema = { type: 'string', pattern: DURATION_PATTERN };

const KIND_SCHEMAS: Record<KindName, Schema> = {
  methods: { type: 'array', items: { enum: METHOD_NAMES }, minItems: 1 },
  directories: { type: 'array', items: DIRECTORY, minItems: 1 },
  directory: DIRECTORY,
  duration: DURATION,
  timeout: { anyOf: [{ const: 'none' }, DURATION] },
  age: DURATION,
  size: { type: ['string', 'integer'], pattern: SIZE_PATTERN, minimum: 0 },
};

/**
 * The JSON Schema of a configuration file, for editors and for tools that write one. It says less than the program does:
 * how long or large a value may be is only there.
 */
export function configSchema(): Schema {
  const keys = KEY_NAMES.filter((key) => keySpec(key).notInFile === undefined);
  const sections = [...new Set(keys.filter(isNested).map((key) => key.split('.')[0] ?? ''))];
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'urn:proxmox-lxcri:config:1',
    title: 'The configuration of proxmox-lxcri',
    description: 'Read as YAML; every key is optional.',
    ...mapping({
      ...propertiesOf(keys.filter((key) => !isNested(key))),
      ...Object.fromEntries(
        sections.map((section) => [
          section,
          mapping(propertiesOf(keys.filter((key) => key.startsWith(`${section}.`)))),
        ]),
      ),
    }),
  };
}

function isNested(key: Key): boolean {
  return key.includes('.');
}

/** Empty is the same as absent: what is in it may all be comments. */
function mapping(properties: Schema): Schema {
  return { type: ['object', 'null'], properties, additionalProperties: false };
}

function propertiesOf(keys: readonly Key[]): Schema {
  return Object.fromEntries(
    keys.map((key) => {
      const { kind, summary, initial } = keySpec(key);
      const known = initial === undefined || typeof initial === 'function' ? {} : { default: initial };
      return [key.split('.').at(-1), { description: summary, ...KIND_SCHEMAS[kind], ...known }];
    }),
  );
}
