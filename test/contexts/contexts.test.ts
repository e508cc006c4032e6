import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { currentContext, loadContexts, pickContext } from '../../src/contexts/contexts.ts';
import { contextFiles, hasContexts, ownContextFile, tokenFile } from '../../src/contexts/files.ts';
import { configErrorOf } from '../config/error.ts';
import { scratchDirectory } from '../support/scratch.ts';

const ONE = 'contexts: {home: {hosts: [pve1], user: root@pam}}\n';
const TWO = 'contexts: {home: {hosts: [pve1], user: root@pam}, lab: {hosts: [lab1], user: ops@pve}}\n';

describe('contexts', () => {
  let file: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(() => {
    file = `${scratchDirectory()}/contexts.yaml`;
    env = { PROXMOX_LXCRI_CONTEXTS: file };
  });

  function write(text: string): void {
    writeFileSync(file, text, { mode: 0o600 });
  }

  it('are the system’s and the user’s, or those of one file', async () => {
    expect(contextFiles({ HOME: '/home/x' })).to.deep.equal([
      '/etc/proxmox-lxcri/contexts.yaml',
      '/home/x/.config/proxmox-lxcri/contexts.yaml',
    ]);
    expect(contextFiles({ HOME: '/home/x', XDG_CONFIG_HOME: '/c' })).to.include('/c/proxmox-lxcri/contexts.yaml');
    expect(contextFiles({})).to.deep.equal(['/etc/proxmox-lxcri/contexts.yaml']);
    expect(contextFiles(env)).to.deep.equal([file]);
    expect(contextFiles({ PROXMOX_LXCRI_CONTEXTS: '/dev/null' })).to.deep.equal([]);
    await configErrorOf(() => contextFiles({ PROXMOX_LXCRI_CONTEXTS: 'relative' }));
  });

  it('are written to the user’s file', async () => {
    expect(ownContextFile({ HOME: '/home/x' })).to.equal('/home/x/.config/proxmox-lxcri/contexts.yaml');
    expect(ownContextFile(env)).to.equal(file);
    expect(tokenFile('/c/contexts.yaml', 'home')).to.equal('/c/tokens/home');
    expect((await configErrorOf(() => ownContextFile({}))).message).to.include('HOME');
    await configErrorOf(() => ownContextFile({ PROXMOX_LXCRI_CONTEXTS: '/dev/null' }));
  });

  it('are told to be there or not, without being read', () => {
    expect(hasContexts(env)).to.equal(false);
    write('this is no YAML: [');
    expect(hasContexts(env)).to.equal(true);
    expect(hasContexts({ PROXMOX_LXCRI_CONTEXTS: `${file}/below` })).to.equal(false);
  });

  it('of the user win by name', async () => {
    const home = scratchDirectory();
    mkdirSync(`${home}/proxmox-lxcri`);
    writeFileSync(`${home}/proxmox-lxcri/contexts.yaml`, ONE);
    const { all } = await loadContexts({ XDG_CONFIG_HOME: home });
    expect(all.get('home')).to.include({ file: `${home}/proxmox-lxcri/contexts.yaml` });
  });

  it('are none where there is no file', async () => {
    expect((await loadContexts(env)).all.size).to.equal(0);
  });

  it('are not read from a file that others can write to, or that is no file', async () => {
    write(ONE);
    chmodSync(file, 0o666);
    expect((await configErrorOf(() => loadContexts(env))).message).to.include('can be written by others');
    const folder = { PROXMOX_LXCRI_CONTEXTS: scratchDirectory() };
    expect((await configErrorOf(() => loadContexts(folder))).message).to.include('is a directory');
  });

  describe('the current one', () => {
    const current = async (more: NodeJS.ProcessEnv = {}): Promise<string | undefined> =>
      currentContext(await loadContexts(env), { ...env, ...more })?.name;

    it('is the only one', async () => {
      write(ONE);
      expect(await current()).to.equal('home');
    });

    it('is none of several, unless one is chosen', async () => {
      write(TWO);
      expect(await current()).to.equal(undefined);
      expect(await current({ PROXMOX_LXCRI_CONTEXT: 'lab' })).to.equal('lab');
      write(`current: home\n${TWO}`);
      expect(await current()).to.equal('home');
      expect(await current({ PROXMOX_LXCRI_CONTEXT: 'lab' })).to.equal('lab');
    });

    it('must be there', async () => {
      write(`current: gone\n${TWO}`);
      expect((await configErrorOf(() => current())).message).to.include('there is no context "gone"');
      const error = await configErrorOf(() => current({ PROXMOX_LXCRI_CONTEXT: 'typo' }));
      expect(error.message).to.match(/^PROXMOX_LXCRI_CONTEXT: .*"typo"/);
      expect(error.hint).to.equal('there are: home, lab');
    });

    it('is taken unless another one is named', async () => {
      write(`current: home\n${TWO}`);
      const contexts = await loadContexts(env);
      expect(pickContext(contexts, env).name).to.equal('home');
      expect(pickContext(contexts, { PROXMOX_LXCRI_CONTEXT: 'home' }, 'lab').name).to.equal('lab');
      expect((await configErrorOf(() => pickContext(contexts, env, 'typo'))).hint).to.include('home, lab');
    });

    it('has to be chosen, or made', async () => {
      const none = await loadContexts(env);
      expect((await configErrorOf(() => pickContext(none, env))).hint).to.include('proxmox-lxcri login');
      write(TWO);
      const two = await loadContexts(env);
      expect((await configErrorOf(() => pickContext(two, env))).message).to.include('home, lab');
    });
  });
});
