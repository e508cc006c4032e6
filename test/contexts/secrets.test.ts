import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import type { SecretSource } from '../../src/contexts/context.ts';
import { readSecret, shownSource } from '../../src/contexts/secrets.ts';
import { isLxcriError } from '../../src/model/errors.ts';
import type { LxcriError } from '../../src/model/errors.ts';
import { isRunning } from '../support/proc.ts';
import { must } from '../support/run.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { waitFor } from '../support/wait-for.ts';

const SECRET = 'hunter2 with spaces ';

describe('readSecret', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = scratchDirectory();
    path = `${folder}/secret`;
    writeFileSync(path, `${SECRET}\nnot this\n`, { mode: 0o600 });
  });

  const from = (source: SecretSource, env: NodeJS.ProcessEnv = process.env): Promise<string> =>
    readSecret(source, 'the password of root@pam', env);
  const fromFile = (): Promise<string> => from({ kind: 'file', path });
  const fromCommand = (...argv: [string, ...string[]]): Promise<string> => from({ kind: 'command', argv });

  async function refusal(call: Promise<string>): Promise<LxcriError> {
    const error: unknown = await call.then(
      () => expect.fail('it was read'),
      (thrown: unknown) => thrown,
    );
    if (!isLxcriError(error)) throw error;
    expect(`${error.message} ${error.hint}`).not.to.include('hunter2');
    expect(error.exitCode).to.equal(125);
    return error;
  }

  it('reads the first line of a file that only we can read', async () => {
    for (const mode of [0o600, 0o400]) {
      chmodSync(path, mode);
      expect(await fromFile()).to.equal(SECRET);
    }
    writeFileSync(path, `${SECRET}\r\n`);
    expect(await fromFile()).to.equal(SECRET);
  });

  it('does not read a file that others can read or write', async () => {
    for (const mode of [0o644, 0o640, 0o660, 0o602]) {
      chmodSync(path, mode);
      const error = await refusal(fromFile());
      expect(error.code).to.equal('ConfigError');
      expect(error.message)
        .to.include(path)
        .and.to.include(`mode 0${mode.toString(8)}`);
      expect(error.hint).to.include(`chmod 600 ${path}`);
    }
  });

  it('does not read a file of another user, or in a folder of another user', async () => {
    chownSync(path, 12_345, 0);
    expect((await refusal(fromFile())).message).to.include('belongs to the user with the id 12345');
    chownSync(path, 0, 0);
    chownSync(folder, 12_345, 0);
    expect((await refusal(fromFile())).message).to.include('belongs to the user with the id 12345');
    chownSync(folder, 0, 0);
  });

  it('does not read a file in a folder where others can exchange it', async () => {
    chmodSync(folder, 0o777);
    expect((await refusal(fromFile())).message).to.include(`${folder}: it can be written by others`);
    // As /tmp: only owners rename and remove there.
    chmodSync(folder, 0o1777);
    expect(await fromFile()).to.equal(SECRET);
  });

  it('follows no symlink, and waits for no pipe', async () => {
    symlinkSync(path, `${folder}/link`);
    expect((await refusal(from({ kind: 'file', path: `${folder}/link` }))).message).to.include('is a symlink');
    await must(['mkfifo', '-m', '600', `${folder}/pipe`]);
    expect((await refusal(from({ kind: 'file', path: `${folder}/pipe` }))).message).to.include('is not a file');
    mkdirSync(`${folder}/folder`, { mode: 0o700 });
    expect((await refusal(from({ kind: 'file', path: `${folder}/folder` }))).message).to.include('is not a file');
  });

  it('says what is missing', async () => {
    writeFileSync(path, '\nlater\n');
    expect((await refusal(fromFile())).message).to.match(/^the password of root@pam: the file .* holds nothing/);
    const gone = await refusal(from({ kind: 'file', path: `${folder}/gone` }));
    expect(gone.message).to.include(`there is no file ${folder}/gone`);
    expect(gone.hint).to.include('proxmox-lxcri login');
    writeFileSync(path, 'x'.repeat(70_000));
    expect((await refusal(fromFile())).message).to.include('larger than 64 KiB');
  });

  it('reads a variable', async () => {
    expect(await from({ kind: 'variable', name: 'PW' }, { PW: SECRET })).to.equal(SECRET);
    expect((await refusal(from({ kind: 'variable', name: 'PW' }, {}))).message).to.include('PW is not set');
    expect((await refusal(from({ kind: 'variable', name: 'PW' }, { PW: '' }))).message).to.include('variable PW');
  });

  it('reads the first line of what a command says, run without a shell', async () => {
    expect(await fromCommand('printf', '%s\n%s\n', '$HOME;`id`', 'more')).to.equal('$HOME;`id`');
    expect(await from({ kind: 'command', argv: ['sh', '-c', 'echo "$PW"'] }, { ...process.env, PW: 'x' })).to.equal(
      'x',
    );
  });

  it('gives a command nothing of our input, and does not wait for what it leaves behind', async () => {
    const begin = performance.now();
    expect(await fromCommand('sh', '-c', 'sleep 30 & cat; echo done')).to.equal('done');
    expect(performance.now() - begin).to.be.lessThan(20_000);
  });

  it('says that a command failed, without what it said', async () => {
    const failed = await refusal(fromCommand('sh', '-c', 'echo hunter2; exit 3'));
    expect(failed.message).to.include('the command sh ended with exit code 3');
    expect((await refusal(fromCommand('sh', '-c', 'kill -9 $$'))).message).to.include('SIGKILL');
    expect((await refusal(fromCommand('/nosuch/program', 'hunter2'))).message).to.match(
      /nosuch\/program cannot be run/,
    );
    expect((await refusal(fromCommand('true'))).message).to.include('holds nothing');
  });

  it('ends a command that says too much, with what it has started', async () => {
    const pids = `${folder}/pids`;
    const script = `sleep 1000 & echo $! >"$0"; echo $$ >>"$0"; exec yes hunter2`;
    expect((await refusal(fromCommand('sh', '-c', script, pids))).message).to.include('the command sh says more than');
    for (const pid of readFileSync(pids, 'utf8').trim().split('\n'))
      await waitFor(() => !isRunning(Number(pid)), { what: `the end of ${pid}`, timeoutMs: 20_000 });
  });

  it('names a source by where it is, and a command by its program only', () => {
    expect(shownSource({ kind: 'command', argv: ['pass', 'hunter2'] })).to.equal('the command pass');
  });
});
