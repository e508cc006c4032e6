/** The JSON Schema of the structured result, as the package ships it. */
import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';

const SCHEMA = JSON.parse(
  readFileSync(new URL('../../schemas/exec-result.schema.json', import.meta.url), 'utf8'),
) as object;

const validate = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true }).compile(SCHEMA);

/** What the schema objects to, one line each. */
export function schemaErrors(document: unknown): string[] {
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** What the schema of this name objects to in a document; schemas refer to each other by their ids. */
export function documentErrors(name: string, document: unknown): string[] {
  const read = (file: string): object =>
    JSON.parse(readFileSync(new URL(`../../schemas/${file}.schema.json`, import.meta.url), 'utf8')) as object;
  const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true });
  if (name !== 'exec-result') ajv.addSchema(SCHEMA);
  const check = ajv.compile(read(name));
  check(document);
  return (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** The values of every enumeration that a property of this name allows, anywhere in the schema. */
export function enumerationsAt(property: string): unknown[][] {
  const found: unknown[][] = [];
  const visit = (node: unknown, named: boolean): void => {
    if (typeof node !== 'object' || node === null) return;
    if (named && 'enum' in node) found.push(node.enum as unknown[]);
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties')
        for (const [name, schema] of Object.entries(value as object)) visit(schema, name === property);
      else visit(value, named && Array.isArray(node) ? true : named && key === 'anyOf');
    }
  };
  visit(SCHEMA, false);
  return found;
}
