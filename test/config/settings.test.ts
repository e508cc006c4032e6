import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { expect } from 'chai';

import { KEYS, KEY_NAMES, keySpec } from '../../src/config/keys.ts';
import type { Key } from '../../src/config/keys.ts';
import { configFiles, loadConfiguration, loadSettings } from '../../src/config/settings.ts';
import { DEFAULT_LXCPATH, lxcpaths } from '../../src/lxc/lxcpath.ts';
import { DEFAULT_KILL_AFTER_MS, DEFAULT_MAX_OUTPUT_BYTES } from '../../src/oci/execution.ts';
import { chainOf } from '../../src/oci/chain.ts';
import { DEFAULT_STOP_TIMEOUT_MS } from '../../src/oci/lifecycle/stop.ts';
import { DEFAULT_PVE_DIRECTORY } from '../../src/proxmox/node/config.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { configErrorOf } from './error.ts';

/** A configuration file of ours. */
function fileWith(text: string, path = `${scratchDirectory()}/config.yaml`): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  return path;
}

/** An environment that names one file, and keeps nothing of it. */
function withFile(text: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PROXMOX_LXCRI_CONFIG: fileWith(text), PROXMOX_LXCRI_CACHE_DIR: scratchDirectory(), ...env };
}

/** A value that is not the default one, and what it means. */
const OTHERS: { readonly [K in Key]: readonly [inVariable: string, inFile: string, meaning: unknown] } = {
  methods: ['lxc-attach,pct', '[lxc-attach, pct]', ['lxc-attach', 'pct']],
  lxcpath: ['/a/:/b', '[/a/, /b]', ['/a', '/b']],
  pveDirectory: ['/pve', '/pve', '/pve'],
  stateDirectory: ['/s', '/s/', '/s'],
  cacheDirectory: ['/c', '', '/c'],
  'exec.timeout': ['5m', '5m', 300_000],
  'exec.killAfter': ['1s', '1s', 1000],
  'exec.maxOutput': ['1KiB', '1024', 1024],
  'stop.timeout': ['2m', '2m', 120_000],
  'detached.maxOutput': ['1MiB', '1MiB', 1024 ** 2],
  'detached.keep': ['90d', '90d', 90 * 86_400_000],
};

function asYaml(key: Key, value: string): string {
  const [first, second] = key.split('.');
  return second === undefined ? `${first}: ${value}\n` : `${first}:\n  ${second}: ${value}\n`;
}

describe('the settings', () => {
  it('are what those who use them do by themselves, where nothing is configured', async () => {
    const settings = await loadSettings({ PROXMOX_LXCRI_CONFIG: '/dev/null' });
    expect(settings).to.deep.equal({
      methods: chainOf().map(({ name }) => name),
      lxcpath: undefined,
      pveDirectory: DEFAULT_PVE_DIRECTORY,
      stateDirectory: '/var/lib/proxmox-lxcri',
      cacheDirectory: '/var/cache/proxmox-lxcri',
      'exec.timeout': undefined,
      'exec.killAfter': DEFAULT_KILL_AFTER_MS,
      'exec.maxOutput': DEFAULT_MAX_OUTPUT_BYTES,
      'stop.timeout': DEFAULT_STOP_TIMEOUT_MS,
      'detached.maxOutput': 64 * 1024 ** 2,
      'detached.keep': 7 * 86_400_000,
    });
    expect(lxcpaths({ directories: settings.lxcpath })).to.include(DEFAULT_LXCPATH);
  });

  for (const key of KEY_NAMES) {
    const [inVariable, inFile, meaning] = OTHERS[key];
    const { variable, notInFile } = keySpec(key);

    it(`take ${key} from ${variable}`, async () => {
      const { settings, given } = await loadConfiguration({
        PROXMOX_LXCRI_CONFIG: '/dev/null',
        [variable]: inVariable,
      });
      expect(settings[key]).to.deep.equal(meaning);
      expect(given.get(key)?.origin).to.deep.equal({ kind: 'variable', variable });
      const others = KEY_NAMES.filter((other) => other !== key).map((other) => given.get(other)?.origin.kind);
      expect(new Set(others)).to.deep.equal(new Set(['default']));
    });

    if (notInFile === undefined) {
      it(`take ${key} from a file`, async () => {
        const env = withFile(`# one line before\n${asYaml(key, inFile)}`);
        const { settings, given } = await loadConfiguration(env);
        expect(settings[key]).to.deep.equal(meaning);
        const line = key.includes('.') ? 3 : 2;
        expect(given.get(key)?.origin).to.deep.equal({ kind: 'file', file: env['PROXMOX_LXCRI_CONFIG'], line });
      });
    }
  }

  it('take a variable before a file, key by key', async () => {
    const env = withFile('exec:\n  timeout: 5s\n  killAfter: 6s\n', { PROXMOX_LXCRI_TIMEOUT: 'none' });
    const settings = await loadSettings(env);
    expect([settings['exec.timeout'], settings['exec.killAfter']]).to.deep.equal([undefined, 6000]);
  });

  it('know the system’s file and the user’s', () => {
    const system = '/etc/proxmox-lxcri/config.yaml';
    expect(configFiles({})).to.deep.equal([system]);
    expect(configFiles({ HOME: '/h' })).to.deep.equal([system, '/h/.config/proxmox-lxcri/config.yaml']);
    expect(configFiles({ HOME: '/h', XDG_CONFIG_HOME: '/x' })).to.deep.equal([system, '/x/proxmox-lxcri/config.yaml']);
    expect(configFiles({ HOME: 'h', XDG_CONFIG_HOME: 'x' })).to.deep.equal([system]);
    expect(configFiles({ HOME: '/h', PROXMOX_LXCRI_CONFIG: '/f' })).to.deep.equal(['/f']);
    expect(configFiles({ HOME: '/h', PROXMOX_LXCRI_CONFIG: '/dev/null' })).to.deep.equal([]);
    expect(configFiles({ HOME: '/h', PROXMOX_LXCRI_CONFIG: '' })).to.have.length(2);
  });

  it('come from the user’s file where there is one', async () => {
    const home = scratchDirectory();
    const file = fileWith('detached: {keep: 1d}\n', `${home}/.config/proxmox-lxcri/config.yaml`);
    const { given } = await loadConfiguration({ HOME: home, PROXMOX_LXCRI_CACHE_DIR: scratchDirectory() });
    expect(given.get('detached.keep')?.origin).to.deep.equal({ kind: 'file', file, line: 1 });
  });

  it('do not take an empty variable for one', async () => {
    const empty = Object.fromEntries(KEY_NAMES.map((key) => [KEYS[key].variable, '']));
    const config = { PROXMOX_LXCRI_CONFIG: '/dev/null' };
    expect(await loadSettings({ ...config, ...empty })).to.deep.equal(await loadSettings(config));
  });

  it('are refused when a variable is wrong, which is named', async () => {
    for (const [variable, value, says] of [
      ['PROXMOX_LXCRI_TIMEOUT', '30', /"30" is not a duration.*write 30s/],
      ['PROXMOX_LXCRI_METHODS', 'pct,ssh', /no method "ssh".*proxmox-api, pct, lxc-attach/],
      ['PROXMOX_LXCRI_METHODS', ',', /the list is empty/],
      ['PROXMOX_LXCRI_LXCPATH', 'relative:/a', /"relative" is not an absolute path.*begin it/],
      ['PROXMOX_LXCRI_LXCPATH', ':', /the list is empty/],
      ['PROXMOX_LXCRI_PVE_DIR', 'pve', /"pve" is not an absolute path/],
      ['PROXMOX_LXCRI_STATE_DIR', '~/x', /is not an absolute path/],
      ['PROXMOX_LXCRI_CACHE_DIR', '.', /is not an absolute path/],
      ['PROXMOX_LXCRI_MAX_OUTPUT', '1TB', /is not a size.*at most 256MiB/],
      ['PROXMOX_LXCRI_DETACHED_MAX_OUTPUT', '1GiB', /is not a size.*at most 256MiB/],
      ['PROXMOX_LXCRI_CONFIG', 'config.yaml', /is not an absolute path.*begin it with/],
      ['PROXMOX_LXCRI_CONFIG', '/nonexistent/config.yaml', /there is no file.*make it, or unset/],
      ['PROXMOX_LXCRI_CONFIG', '/etc/passwd/config.yaml', /there is no file/],
    ] as const) {
      const env = { PROXMOX_LXCRI_CONFIG: '/dev/null', [variable]: value };
      const { message, hint } = await configErrorOf(() => loadSettings(env));
      expect(message.startsWith(`${variable}: `), message).to.equal(true);
      expect(`${message}; ${hint}`).to.match(says);
    }
  });

  it('are refused when the file is wrong, also where a variable overrides it', async () => {
    const env = withFile('exec:\n  timeout: 30\n', { PROXMOX_LXCRI_TIMEOUT: '30s' });
    const { message } = await configErrorOf(() => loadSettings(env));
    expect(message).to.include(`${env['PROXMOX_LXCRI_CONFIG']}:2:12: exec.timeout`);
  });
});
