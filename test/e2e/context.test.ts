/** context: list, show, use, remove. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { loginPlace } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const PIN = Array.from({ length: 32 }, () => 'AB').join(':');

const TEXT = `# ours
contexts:
  home:
    hosts: [pve1.example, {address: "[2001:db8::1]:443", fingerprint: "${PIN}"}]
    user: root@pam
    bare: true
  lab: # the other one
    hosts: [lab1]
    caFile: /etc/ssl/lab.pem
    token: ops@pve!cli
    tokenCommand: [pass, show, hunter2]
`;

describe('context', () => {
  let place: LoginPlace;

  beforeEach(() => {
    place = loginPlace();
    writeFileSync(place.file, TEXT, { mode: 0o600 });
  });

  const text = async (...words: string[]): Promise<string> => {
    const done = await place.cli(words);
    expect(done.stderr.toString()).to.equal('');
    expect(done.exitCode).to.equal(0);
    return done.stdout.toString();
  };

  it('alone lists them, as list does', async () => {
    const listed = await text('context');
    expect(listed).to.equal(await text('context', 'list'));
    expect(listed.split('\n')).to.deep.equal([
      'CURRENT   NAME   SERVERS                               AS            BARE',
      '          home   pve1.example:8006 [2001:db8::1]:443   root@pam      yes',
      '          lab    lab1:8006                             ops@pve!cli',
      '',
    ]);
  });

  it('marks the current one, which the variable overrides', async () => {
    expect(await text('context', 'use', 'lab')).to.equal('lab is the current context\n');
    expect(readFileSync(place.file, 'utf8')).to.include('current: lab').and.to.include('# the other one');
    expect(await text('context')).to.match(/^\* +lab /m);
    const overridden = await place.document('context-list', ['context'], { env: { PROXMOX_LXCRI_CONTEXT: 'home' } });
    expect(overridden['current']).to.equal('home');
  });

  it('shows one with where its secret is', async () => {
    const shown = await text('context', 'show', 'lab');
    expect(shown).to.include('command pass').and.to.include('/etc/ssl/lab.pem').and.to.include(`${place.file}:7`);
    expect(shown).not.to.include('hunter2');
    const { context } = await place.document('context-show', ['context', 'show', 'home']);
    expect(context).to.deep.include({ user: 'root@pam', token: null, secret: null, ticketUntil: null, current: false });
  });

  it('removes one with its secrets, and leaves the others as they are', async () => {
    mkdirSync(join(place.folder, 'tokens'), { mode: 0o700 });
    writeFileSync(join(place.folder, 'tokens/home'), 'secret', { mode: 0o600 });
    await text('context', 'use', 'home');
    const document = await place.document('context-remove', ['context', 'remove', 'home']);
    expect(document).to.deep.include({ context: 'home', forgotten: ['token'] });
    expect(place.kept()).not.to.include('tokens/home 600');
    const left = readFileSync(place.file, 'utf8');
    expect(left).to.include('# the other one').and.to.include('# ours');
    expect(left).not.to.include('home').and.not.to.include('current');
    expect(await text('context')).to.match(/^\* +lab /m);
  });

  it('says what is wrong, in one line', async () => {
    expect(await place.refusal('ConfigError', ['context', 'show']))
      .to.include('home, lab')
      .and.to.include('context use');
    expect(await place.refusal('ConfigError', ['context', 'use', 'hom'])).to.include('there are: home, lab');
    expect(await place.refusal('UsageError', ['context', 'use'])).to.include('usage: proxmox-lxcri context use NAME');
    expect(await place.refusal('UsageError', ['context', 'remove'])).to.include('no context was named');
    expect(await place.refusal('UsageError', ['context', 'shw'])).to.include('did you mean context show?');
    writeFileSync(place.file, TEXT.replace('bare: true', 'bar: true'));
    const line = await place.refusal('ConfigError', ['context']);
    expect(line).to.include(`${place.file}:6:5: unknown key "contexts.home.bar"; did you mean bare?`);
    writeFileSync(place.file, TEXT);
    chmodSync(place.file, 0o666);
    expect(await place.refusal('ConfigError', ['context'])).to.include(`chmod go-w ${place.file}`);
  });
});
