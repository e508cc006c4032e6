/** The JSON Schemas of our documents, as the package ships them. */
import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';

function read(name: string): object {
  return JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object;
}

const SCHEMA = read('exec-result');

const COMMON = ['exec-result', 'context-show'];

const validators = new Map<string, ValidateFunction>();

function validatorOf(name: string): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  // A branch of a schema may require what is described beside it.
  const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true });
  // Other documents refer to parts of these, by their ids.
  for (const common of COMMON) if (name !== common) ajv.addSchema(read(common));
  const made = ajv.compile(read(name));
  validators.set(name, made);
  return made;
}

/** What the schema of this name objects to in a document, one line each. */
export function documentErrors(name: string, document: unknown): string[] {
  const validate = validatorOf(name);
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** What the schema of the structured result objects to, one line each. */
export function schemaErrors(document: unknown): string[] {
  return documentErrors('exec-result', document);
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
