/** The JSON Schemas of our documents, as the package ships them. */
import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';

function schema(name: string): object {
  return JSON.parse(readFileSync(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object;
}

/** What the schema of this name objects to in a document, one line each. */
export function documentErrors(name: string, document: unknown): string[] {
  // Other documents refer to parts of the result of exec.
  const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true });
  ajv.addSchema(schema('exec-result'));
  const validate = ajv.compile(schema(name));
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}
