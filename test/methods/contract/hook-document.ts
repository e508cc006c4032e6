/** The document that `hook --json` prints. */
import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';
import { expect } from 'chai';

import type { ErrorInfo } from '../../../src/model/errors.ts';
import type { ExecResult } from '../../../src/model/result.ts';
import type { CliResult } from './cli.ts';

export interface HookDocument {
  platform: string | null;
  subject: string | null;
  phases: string[];
  skipped: string | null;
  afterFailure: string | null;
  result: ExecResult | null;
  exitCode: number;
  error: ErrorInfo | null;
}

function schema(name: string): object {
  return JSON.parse(readFileSync(new URL(`../../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object;
}

const validate = new Ajv({ allErrors: true, allowUnionTypes: true, schemas: [schema('exec-result')] }).compile(
  schema('hook-result'),
);

/** Reads the document of a call, and checks what must hold of each: one valid document, and nothing else. */
export function hookDocumentOf(call: Pick<CliResult, 'exitCode' | 'stdout' | 'stderr'>): HookDocument {
  expect(call.stderr.toString(), 'stderr with --json').to.equal('');
  expect(call.stdout.toString(), 'stdout with --json').to.match(/^\{.*\}\n$/);
  const document = JSON.parse(call.stdout.toString()) as HookDocument;
  expect(validate(document), JSON.stringify(validate.errors)).to.equal(true);
  expect(document.exitCode, 'exitCode in the document').to.equal(call.exitCode);
  return document;
}
