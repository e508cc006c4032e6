/** Calls a verb in both forms, and checks what must hold of each answer. */
import { expect } from 'chai';

import type { ErrorCode, ErrorInfo } from '../../src/model/errors.ts';
import { runCli } from '../methods/contract/cli.ts';
import type { CliOptions, CliResult } from '../methods/contract/cli.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { documentErrors } from '../model/schema.ts';

export type Form = 'text' | 'json';
export const FORMS: readonly Form[] = ['text', 'json'];

export type Document = Record<string, unknown> & { error: ErrorInfo | null };

/** Reads the document that a call with `--json` has printed: valid, on one line, and nothing else anywhere. */
export function documentOf(verb: string, { stdout, stderr }: Pick<CliResult, 'stdout' | 'stderr'>): Document {
  expect(stderr.toString(), 'stderr with --json').to.equal('');
  expect(stdout.toString(), 'stdout with --json').to.match(/^\{.*\}\n$/);
  const document = JSON.parse(stdout.toString()) as Document;
  expect(documentErrors(verb, document)).to.deep.equal([]);
  return document;
}

/** Calls a verb with `--json`. */
export async function callJson(
  words: readonly string[],
  options: CliOptions = {},
): Promise<{ document: Document; exitCode: number | null }> {
  const [verb = '', ...rest] = words;
  const done = await runCli([verb, '--json', ...rest], options);
  return { document: documentOf(verb, done), exitCode: done.exitCode };
}

/** Calls a verb in the form for people. */
export async function callText(
  words: readonly string[],
  options: CliOptions = {},
): Promise<{ stdout: string; stderr: string; exitCode: number | null }> {
  const { stdout, stderr, exitCode } = await runCli(words, options);
  return { stdout: stdout.toString(), stderr: stderr.toString(), exitCode };
}

/** What is expected of a call that fails. */
export interface Failure {
  readonly code: ErrorCode;
  readonly says: RegExp;
  /** Default 125. */
  readonly exitCode?: number;
}

export async function expectFailure(
  form: Form,
  words: readonly string[],
  { code, says, exitCode = 125 }: Failure,
  options: CliOptions = {},
): Promise<void> {
  if (form === 'json') {
    const answer = await callJson(words, options);
    expect(answer.document.error?.code, JSON.stringify(answer.document)).to.equal(code);
    expect(`${answer.document.error?.message}; ${answer.document.error?.hint ?? ''}`).to.match(says);
    expect(answer.exitCode).to.equal(exitCode);
    return;
  }
  const answer = await runCli(words, options);
  expect(answer.stdout.toString()).to.equal('');
  expect(expectErrorLine(answer.stderr, code)).to.match(says);
  expect(answer.exitCode).to.equal(exitCode);
}
