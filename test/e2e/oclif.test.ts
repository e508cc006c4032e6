/** What oclif, the framework of the verbs, takes from its surroundings: nothing. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { CLI } from '../methods/contract/cli.ts';
import { run, scratchDirectory } from '../support/lxc.ts';
import type { RunResult } from '../support/lxc.ts';

const CALLS = [['config', 'show'], ['config'], ['--help'], ['--version'], ['exec', '--help'], ['no-such-verb']];

describe('the verbs', () => {
  it("load no code from the caller's folders", async () => {
    const home = scratchDirectory();
    const mark = `${home}/mark`;
    const data = `${home}/.local/share/proxmox-lxcri`;
    const evil = `${data}/node_modules/evil`;
    mkdirSync(evil, { recursive: true });
    const plugin = { name: 'evil', version: '1.0.0', oclif: { hooks: { init: './init.js', prerun: './init.js' } } };
    writeFileSync(`${data}/package.json`, JSON.stringify({ oclif: { plugins: [{ name: 'evil', type: 'user' }] } }));
    writeFileSync(`${evil}/package.json`, JSON.stringify(plugin));
    const script = `require('fs').writeFileSync(${JSON.stringify(mark)}, '');module.exports = async () => {};`;
    writeFileSync(`${evil}/init.js`, script);
    const places: NodeJS.ProcessEnv[] = [
      { HOME: home },
      { XDG_DATA_HOME: `${home}/.local/share` },
      { PROXMOX_LXCRI_DATA_DIR: data },
    ];
    for (const env of places) {
      for (const words of CALLS) {
        // oxlint-disable-next-line no-await-in-loop
        await run([CLI, ...words], { env: { PATH: process.env['PATH'], ...env } });
        expect(existsSync(mark), words.join(' ')).to.equal(false);
      }
    }
  });

  it('take no colours from a theme of the caller', async () => {
    const home = scratchDirectory();
    mkdirSync(`${home}/.config/proxmox-lxcri`, { recursive: true });
    writeFileSync(`${home}/.config/proxmox-lxcri/theme.json`, JSON.stringify({ bin: 'red', sectionHeader: 'red' }));
    const env = { PATH: process.env['PATH'], FORCE_COLOR: '1' };
    const themed = await run([CLI, '--help'], { env: { ...env, HOME: home } });
    const plain = await run([CLI, '--help'], { env });
    expect([themed.exitCode, themed.stdout]).to.deep.equal([0, plain.stdout]);
  });

  const quiet = (done: RunResult): void => {
    expect([done.exitCode, done.stderr]).to.deep.equal([0, '']);
  };

  it("print no debugging lines of a caller's DEBUG", async () => {
    for (const name of ['DEBUG', 'PROXMOX_LXCRI_DEBUG']) {
      // oxlint-disable-next-line no-await-in-loop
      quiet(await run([CLI, '--version'], { env: { PATH: process.env['PATH'], [name]: '*' } }));
    }
  });

  it('serve a caller whom the user database does not know', async () => {
    // The capability lets it read this project wherever it is.
    const stranger = '--reuid 54321 --regid 54321 --clear-groups --inh-caps +dac_read_search';
    const words = `${stranger} --ambient-caps +dac_read_search`.split(' ');
    quiet(await run(['setpriv', ...words, CLI, 'config', 'show'], { env: { PATH: process.env['PATH'] } }));
  });

  it('say nothing of a directory that is gone', async () => {
    const directory = scratchDirectory();
    const gone = `${directory}/gone`;
    mkdirSync(gone);
    // Node itself: the launcher's shell has a complaint of its own.
    const program = CLI.replace('bin/proxmox-lxcri', 'dist/start.cjs');
    const line = 'cd "$0"; rmdir "$0"; exec "$@"';
    quiet(await run(['bash', '-c', line, gone, process.execPath, program, 'config', 'show'], {}));
    rmSync(directory, { recursive: true });
  });
});
