/** Where the tests of login and of contexts keep what the CLI keeps for a user. */
import { existsSync, lstatSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { runCli } from '../methods/contract/cli.ts';
import type { CliOptions, CliResult, Word } from '../methods/contract/cli.ts';
import { expectErrorLine } from '../methods/contract/result.ts';
import { documentErrors } from '../model/schema.ts';
import { TOKEN_SECRET } from '../proxmox/api/clients.ts';
import { scratchDirectory } from '../support/scratch.ts';

export interface LoginPlace {
  readonly folder: string;
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  cli(words: readonly Word[], options?: CliOptions): Promise<CliResult>;
  /** A call that must succeed; gives its document, which fits its schema. */
  document(schema: string, words: readonly Word[], options?: CliOptions): Promise<Record<string, unknown>>;
  /** A call that must fail with one line; gives that. */
  refusal(code: string, words: readonly Word[], options?: CliOptions): Promise<string>;
  /** What is kept: path and mode of each file and folder. */
  kept(): string[];
  /** All that is kept, as one text. */
  contents(): string;
}

export function loginPlace(): LoginPlace {
  const folder = scratchDirectory();
  const file = join(folder, 'contexts.yaml');
  const env = {
    PROXMOX_LXCRI_CONFIG: '/dev/null',
    PROXMOX_LXCRI_CONTEXTS: file,
    PROXMOX_LXCRI_STATE_DIR: join(folder, 'state'),
    PROXMOX_LXCRI_CACHE_DIR: join(folder, 'cache'),
  };
  const all = (): string[] =>
    existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted() : [];
  const cli = (words: readonly Word[], options: CliOptions = {}): Promise<CliResult> =>
    runCli(words, { ...options, env: { ...env, ...options.env } });
  return {
    folder,
    file,
    env,
    cli,
    async document(schema, words, options) {
      const done = await cli([...words, '--json'], options);
      expect(done.stderr.toString()).to.equal('');
      expect(done.exitCode).to.equal(0);
      const document = JSON.parse(done.stdout.toString()) as Record<string, unknown>;
      expect(documentErrors(schema, document)).to.deep.equal([]);
      return document;
    },
    async refusal(code, words, options) {
      const done = await cli(words, options);
      expect(done.stdout.toString()).to.equal('');
      const line = expectErrorLine(done.stderr, code);
      expect(done.exitCode).to.equal(125);
      return line;
    },
    kept: () => all().map((path) => `${path} ${(lstatSync(join(folder, path)).mode & 0o777).toString(8)}`),
    contents: () =>
      all()
        .map((path) => join(folder, path))
        .filter((path) => lstatSync(path).isFile())
        .map((path) => readFileSync(path, 'utf8'))
        .join('\n'),
  };
}

/** Two contexts of one server: `home` with a token, and `again` with a user who has not logged in. */
export function writeContexts(
  { folder, file }: LoginPlace,
  { port, fingerprint }: { readonly port: number; readonly fingerprint: string },
): void {
  const hosts = [{ address: `127.0.0.1:${port}`, fingerprint }];
  const tokenFile = join(folder, 'secret');
  writeFileSync(tokenFile, TOKEN_SECRET, { mode: 0o600 });
  const home = { hosts, token: 'root@pam!full', tokenFile };
  // JSON is YAML.
  const text = JSON.stringify({ contexts: { home, again: { hosts, user: 'root@pam' } } });
  writeFileSync(file, text, { mode: 0o600 });
}
