/** The structured result that `exec --json` prints. */
import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';
import { expect } from 'chai';

import type { ExecResult } from '../../../src/model/result.ts';
import type { CliResult } from './cli.ts';

const SCHEMA = JSON.parse(
  readFileSync(new URL('../../../schemas/exec-result.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(SCHEMA);

/** Reads the result of a call with `--json`, and checks what must hold of each: one valid document, and nothing else. */
export function resultOf(call: Pick<CliResult, 'exitCode' | 'stdout' | 'stderr'>): ExecResult {
  const text = call.stdout.toString();
  expect(call.stderr.toString(), 'stderr with --json').to.equal('');
  expect(text, 'stdout with --json').to.match(/^\{.*\}\n$/);
  const result = JSON.parse(text) as ExecResult;
  expect(validate(result), JSON.stringify(validate.errors)).to.equal(true);
  expect(result.exitCode, 'exitCode in the result').to.equal(call.exitCode);
  return result;
}

/** A captured stream as the bytes that the command wrote. */
export function streamOf(result: ExecResult, name: 'stdout' | 'stderr'): Buffer {
  return Buffer.from(result[name], result[`${name}Encoding`]);
}

/** An error in the text form: one line on standard error, without anything that acts on a terminal. */
export function expectErrorLine(stderr: Buffer, code: string): string {
  const text = stderr.toString();
  expect(text).to.match(new RegExp(`^proxmox-lxcri: ${code}: [^\\n]+\\n$`));
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  expect(text.slice(0, -1)).not.to.match(/[\u0000-\u001f\u007f-\u009f]/);
  return text;
}
