import { mkdirSync, rmSync, symlinkSync } from 'node:fs';

import { expect } from 'chai';

import {
  CARRIER_PREFIX,
  LOOKUP_SCRIPT,
  RUN_MESSAGES,
  RUN_SCRIPT,
} from '../../../src/methods/attach/container-script.ts';
import { refusal } from '../../../src/methods/attach/failures.ts';
import type { Word } from '../../../src/model/request.ts';
import { findExecutable } from '../../../src/process/executable.ts';
import { TAG_VARIABLE } from '../../../src/process/tree.ts';
import { requestOf } from '../../oci/requests.ts';
import { mustSync } from '../../support/run.ts';
import { PATH, SHELLS, directoryWith, etcWith, runScript } from './shells.ts';
import type { ScriptOutcome } from './shells.ts';

const ID = '01234567-89ab-4cde-8f01-23456789abcd';

interface RunCall {
  workdir?: string;
  home?: string;
  user?: string;
  login?: string;
  term?: string;
  env?: readonly (readonly [string, string])[];
  inherited?: Record<string, string>;
  etc?: string;
  input?: string;
  prefix?: readonly string[];
}

/** Strings end in NUL where they come from a process's arguments or environment. */
function strings(bytes: Buffer): string[] {
  return bytes.toString('utf8').split('\0').slice(0, -1);
}

const program = (content: string) => ({ content, mode: 0o755 });

for (const shell of SHELLS) {
  describe(`the script that starts a command, in ${shell}`, () => {
    let etc: string;

    before(() => {
      etc = etcWith();
    });

    function start(command: readonly Word[], call: RunCall = {}): Promise<ScriptOutcome> {
      const {
        workdir = '',
        home = '',
        user = '',
        login = '',
        term = '',
        env = [],
        inherited = {},
        input,
        prefix,
      } = call;
      const carriers = env.map(([key, value], index) => [`${CARRIER_PREFIX}${index}`, `${key}=${value}`]);
      return runScript(shell, {
        script: RUN_SCRIPT,
        words: [ID, workdir, home, user, login, term, ...command],
        env: { [TAG_VARIABLE]: ID, ...inherited, ...(Object.fromEntries(carriers) as Record<string, string>) },
        etc: call.etc ?? etc,
        ...(input === undefined ? {} : { input }),
        ...(prefix === undefined ? {} : { prefix }),
      });
    }

    /** The environment that a command gets, apart from what bash itself cannot leave alone. */
    async function environment(call: RunCall = {}): Promise<Record<string, string>> {
      const { said, stdout, stderr } = await start(['/usr/bin/env', '-0'], call);
      expect([said, stderr]).to.deep.equal([['started'], '']);
      return Object.fromEntries(
        strings(stdout).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    }

    it('becomes the command, with its output, input and exit code untouched', async () => {
      const done = await start(['/bin/sh', '-c', 'cat; echo err >&2; exit 42'], { input: 'first line\nsecond\n' });
      expect(done).to.deep.equal({
        exitCode: 42,
        said: ['started'],
        stdout: Buffer.from('first line\nsecond\n'),
        stderr: 'err\n',
      });
    });

    it('leaves the command no descriptor of ours', async () => {
      const { stdout } = await start(['/bin/sh', '-c', 'test -e /proc/self/fd/3 && echo open || echo closed']);
      expect(stdout.toString()).to.equal('closed\n');
    });

    it('passes every word on as it is', async () => {
      const words = [
        '',
        'a b',
        'a\nb\n\n',
        '*',
        '$HOME',
        '`id`',
        '$(id)',
        "it's",
        '"q"',
        '\\n',
        '\\',
        '-n',
        '--',
        '-',
        '!',
        'é',
        '%s',
        '~',
        'A=b',
        '#',
      ];
      const { stdout, said } = await start(['/usr/bin/printf', '%s\\0', ...words]);
      expect([said, strings(stdout)]).to.deep.equal([['started'], words]);
      const bytes = await start(['/usr/bin/printf', '%s', Buffer.from([0xff, 0x0a, 0x80])]);
      expect([...bytes.stdout]).to.deep.equal([0xff, 0x0a, 0x80]);
    });

    it('sets the environment of a login, and nothing else', async () => {
      const { _: _name, SHLVL: _level, ...found } = await environment();
      expect(found).to.deep.equal({
        [TAG_VARIABLE]: ID,
        PATH,
        HOME: '/root',
        USER: 'root',
        LANG: 'C.UTF-8',
        container: 'lxc',
      });
    });

    it('leaves nothing of the shell behind, but for the level that bash counts', async () => {
      const { SHLVL, ...others } = await environment();
      expect(SHLVL).to.equal(shell === 'bash' ? '0' : undefined);
      expect(others).not.to.have.any.keys('PWD', 'OLDPWD', '_');
    });

    it('takes home and user where they were looked up, and TERM only with a terminal', async () => {
      const call = {
        home: '/home/a b',
        user: 'app',
        term: 'xterm-256color',
        inherited: { TERM: 'dumb', container: 'nspawn' },
      };
      const found = await environment(call);
      expect(found).to.deep.include({ HOME: '/home/a b', USER: 'app', TERM: 'xterm-256color', container: 'nspawn' });
      expect(await environment({ inherited: { TERM: 'dumb' } })).not.to.have.property('TERM');
    });

    it('is not led astray by what it inherits', async () => {
      const inherited = { IFS: 'o/', ENV: '/nonexistent', CDPATH: '/usr', PWD: '/wrong', OLDPWD: '/older' };
      const found = await environment({ inherited, workdir: '/tmp' });
      expect(found).to.include({ HOME: '/root', PATH });
      expect(found).not.to.have.any.keys('ENV', 'CDPATH', 'PWD', 'OLDPWD');
    });

    const VALUES: Record<string, string> = {
      plain: 'x',
      empty: '',
      newlines: 'a\nb\n\n',
      quotes: `'"\`\\`,
      expansions: '$HOME $(id) ${A} * ~',
      equals: 'a=b=c',
      spaces: '  a  b  ',
      unicode: 'é€😀',
      long: 'x'.repeat(100_000),
      option: '-n',
    };

    it('exports every value as it is', async () => {
      const env = Object.entries(VALUES).map(([name, value]) => [`V_${name}`, value] as const);
      expect(await environment({ env })).to.include(Object.fromEntries(env));
    });

    it('exports many variables, the last of one name', async () => {
      const env = Array.from({ length: 300 }, (_, index) => [`V${index % 150}`, String(index)] as const);
      const found = await environment({ env });
      expect(found).to.include({ V0: '150', V149: '299' });
      expect(Object.keys(found).filter((key) => key.startsWith(CARRIER_PREFIX))).to.deep.equal([]);
    });

    it('exports names that shells, or its own lines, live by', async () => {
      const env = [
        ['IFS', ''],
        ['LC_ALL', 'xx_YY.UTF-8'],
        ['LANG', 'yy_XX'],
        ['HOME', '/other'],
        ['USER', 'other'],
        ['TERM', 'vt100'],
        ['PWD', '/wrong'],
        ['OLDPWD', '/older'],
        ['CDPATH', '/usr'],
        ['ENV', '/nonexistent'],
        ['BASH_ENV', '/nonexistent'],
        ['PS4', '$(id)'],
        ['POSIXLY_CORRECT', '1'],
        ['plx_i', '99'],
        ['A', 'after all of these'],
      ] as const;
      expect(await environment({ env })).to.include(Object.fromEntries(env));
      const swapped = [
        ['IFS', 'o/=0'],
        ['FOO', 'a/b o=0'],
      ] as const;
      expect(await environment({ env: swapped })).to.include(Object.fromEntries(swapped));
    });

    it('exports what some shell keeps to itself, or refuses it before the start', async () => {
      const altered: string[] = [];
      for (const key of [
        'UID',
        'EUID',
        'PPID',
        'GROUPS',
        'SHELLOPTS',
        'BASHOPTS',
        'BASH_VERSINFO',
        '_',
        'SHLVL',
        'RANDOM',
        'SRANDOM',
        'SECONDS',
        'LINENO',
        'EPOCHSECONDS',
        'EPOCHREALTIME',
        'BASHPID',
        'BASH_SUBSHELL',
        'BASH_COMMAND',
        'BASH_ARGV0',
        'HISTCMD',
        'DIRSTACK',
        'FUNCNAME',
        'OPTIND',
        'OPTERR',
        'COMP_WORDBREAKS',
        'FUNCNEST',
        'TMOUT',
        'MAIL',
        'PS1',
        'HISTSIZE',
        'BASH_COMPAT',
      ]) {
        const { said, stdout } = await start(['/usr/bin/env', '-0'], { env: [[key, 'five']] });
        const arrived = strings(stdout).includes(`${key}=five`);
        if (!arrived && said[0] !== `env-refused ${key}`)
          altered.push(`${key}: ${said.join()} ${strings(stdout).find((line) => line.startsWith(`${key}=`)) ?? ''}`);
      }
      expect(altered).to.deep.equal([]);
    });

    it('refuses what bash keeps read-only, and only there', async () => {
      if (shell !== 'bash') {
        expect(await environment({ env: [['UID', '5']] })).to.include({ UID: '5' });
        return;
      }
      for (const key of ['UID', 'EUID', 'PPID', 'SHELLOPTS', 'BASHOPTS']) {
        const done = await start(['/bin/true'], { env: [[key, '5']] });
        expect([done.said, done.exitCode, done.stderr], key).to.deep.equal([[`env-refused ${key}`], 125, '']);
      }
    });

    if (shell === 'bash') {
      it('refuses it in a way that is understood, whatever IFS is', async () => {
        const { said } = await start(['/bin/true'], {
          env: [
            ['IFS', ':'],
            ['UID', '5'],
          ],
        });
        expect(refusal(said[0] ?? '', requestOf())).to.have.property('code', 'UsageError');
      });
    }

    describe('finds the command', () => {
      let one: string;
      let two: string;

      before(() => {
        one = directoryWith({
          tool: 'no program\n',
          'folder/x': '',
          '-x': program('#!/bin/sh\nprintf "%s|" dash "$@"\n'),
          '--': program('#!/bin/sh\nprintf "%s|" dashes "$@"\n'),
          plain: program('printf "%s|" plain "$@"\n'),
          'sub/tool': program('#!/bin/sh\nprintf "%s|" sub "${0##*/}" "$@"\n'),
          ls: program('#!/bin/sh\necho mine\n'),
          'a b': program('#!/bin/sh\necho spaces\n'),
        });
        two = directoryWith({
          tool: program('#!/bin/sh\nprintf "%s|" two "$@"\n'),
          folder: program('#!/bin/sh\nprintf "%s|" folder "$@"\n'),
        });
      });

      async function output(command: readonly Word[], call: RunCall = {}): Promise<string> {
        const { said, stdout, stderr } = await start(command, call);
        expect([said, stderr]).to.deep.equal([['started'], '']);
        return stdout.toString();
      }

      const inPath = (...directories: string[]) => ({ env: [['PATH', directories.join(':')]] as const });

      it('in the PATH that was given, past what is no program', async () => {
        expect(await output(['tool', 'x'], inPath(one, two))).to.equal('two|x|');
        expect(await output(['folder'], inPath(one, two))).to.equal('folder|');
        expect(await output(['a b'], inPath(one))).to.equal('spaces\n');
      });

      it('where its name begins with a dash', async () => {
        expect(await output(['-x', '-y'], inPath(one))).to.equal('dash|-y|');
        expect(await output(['--', 'a'], inPath(one))).to.equal('dashes|a|');
      });

      it('by a path, absolute or from the working directory', async () => {
        expect(await output([`${two}/tool`, 'x'])).to.equal('two|x|');
        expect(await output(['./sub/tool', 'x'], { workdir: one })).to.equal('sub|tool|x|');
        expect(await output(['sub/tool'], { workdir: one })).to.equal('sub|tool|');
      });

      it('in the working directory only where PATH says so', async () => {
        expect(await output(['tool'], { ...inPath('/nonexistent', ''), workdir: two })).to.equal('two|');
        expect(await output(['tool'], { ...inPath('.'), workdir: two })).to.equal('two|');
        expect((await start(['tool'], { ...inPath('/nonexistent'), workdir: two })).said).to.deep.equal(['not-found']);
      });

      it('which may be a script without a first line that says so', async () => {
        expect(await output(['plain', 'x'], inPath(one, PATH))).to.equal('plain|x|');
      });

      it('or says that there is none', async () => {
        for (const word of [
          '',
          'nosuch',
          '/nonexistent',
          './tool',
          'cd',
          'exit',
          ':',
          'PROXMOX_LXCRI_S_say',
          '-z',
          '*',
          'A=b',
          'no\nsuch',
        ]) {
          const done = await start([word, 'x']);
          expect([done.said, done.stdout.toString(), done.stderr], JSON.stringify(word)).to.deep.equal([
            ['not-found'],
            '',
            '',
          ]);
          expect(done.exitCode).to.equal(127);
        }
      });

      it('or says that it is no program', async () => {
        for (const word of ['/etc', `${one}/tool`, './tool', './folder', './']) {
          const done = await start([word], { workdir: one });
          expect([done.said, done.stdout.toString(), done.stderr], word).to.deep.equal([['not-executable'], '', '']);
        }
        expect((await start(['tool'], inPath(one))).said).to.deep.equal(['not-executable']);
        expect((await start(['folder'], inPath(one))).said).to.deep.equal(['not-found']);
      });
    });

    describe('enters the working directory', () => {
      let directory: string;

      before(() => {
        directory = directoryWith({ file: '', 'a b\nc/x': '', '-p/x': '', 'real/x': '' });
        symlinkSync('real', `${directory}/link`);
        mkdirSync(`${directory}/closed`, { mode: 0o700 });
      });

      it('whatever its name is, and is at / without one', async () => {
        for (const name of ['a b\nc', '-p', 'real']) {
          const { stdout, said } = await start(['/bin/pwd'], { workdir: `${directory}/${name}` });
          expect([said, stdout.toString()]).to.deep.equal([['started'], `${directory}/${name}\n`]);
        }
        expect((await start(['/bin/pwd', '-P'], { workdir: `${directory}/link` })).stdout.toString()).to.equal(
          `${directory}/real\n`,
        );
        expect((await start(['/bin/pwd'])).stdout.toString()).to.equal('/\n');
      });

      it('or says that there is none', async () => {
        for (const name of ['nosuch', 'file', 'real/nosuch']) {
          const done = await start(['/bin/true'], { workdir: `${directory}/${name}` });
          expect([done.said, done.exitCode, done.stdout.toString(), done.stderr], name).to.deep.equal([
            ['workdir-missing'],
            125,
            '',
            '',
          ]);
        }
      });

      it('or says that the user may not', async () => {
        const prefix = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
        const done = await start(['/bin/true'], { workdir: `${directory}/closed`, prefix });
        expect([done.said, done.stderr]).to.deep.equal([['workdir-denied'], '']);
      });
    });

    describe('reads the container’s own settings', () => {
      it('of uid 0, whatever its name is', async () => {
        for (const [passwd, expected] of [
          ['toor:x:0:0::/admin:/bin/sh\nroot:x:5:5::/five:/bin/sh\n', { USER: 'toor', HOME: '/admin' }],
          ['a:x:1:1::/a:\nroot:x:0:0:::\n', { USER: 'root', HOME: '/' }],
          ['root:x:0:0::/no newline:', { USER: 'root', HOME: '/no newline' }],
          ['# comment\n\nroot:x:0:0::/x\\y:/bin/sh\n', { USER: 'root', HOME: '/x\\y' }],
          ['', { USER: 'root', HOME: '/root' }],
        ] as const) {
          expect(await environment({ etc: etcWith({ passwd }) }), passwd).to.include(expected);
        }
      });

      it('of the locale and the PATH', async () => {
        const files = {
          'locale.conf': 'LANG=a_A.UTF-8\nPATH=/wrong\n',
          'default/locale': '# x\n  LANG="b_B.UTF-8"\nLC_ALL=wrong\n',
          environment: "PATH='/usr/bin:/bin:/opt/x'\nOTHER=no\nLANGUAGE=no",
        };
        const found = await environment({ etc: etcWith(files) });
        expect(found).to.include({ LANG: 'b_B.UTF-8', PATH: '/usr/bin:/bin:/opt/x' });
        expect(found).not.to.have.any.keys('OTHER', 'LC_ALL', 'LANGUAGE');
        const last = await environment({ etc: etcWith({ ...files, environment: 'PATH=relative\nLANG=c_C' }) });
        expect(last).to.include({ LANG: 'c_C', PATH });
        expect(await environment({ etc: etcWith({ 'default/locale': 'LANG=\n' }) })).to.include({ LANG: 'C.UTF-8' });
      });

      it('and does not wait at a pipe or a device in their place', async () => {
        const odd = etcWith();
        // bash itself reads the users when it starts.
        for (const name of ['locale.conf', 'environment', ...(shell === 'bash' ? [] : ['passwd'])]) {
          rmSync(`${odd}/${name}`, { force: true });
          mustSync(['mkfifo', `${odd}/${name}`]);
        }
        symlinkSync('/dev/zero', `${odd}/default`);
        expect(await environment({ etc: odd })).to.include({ HOME: '/root', LANG: 'C.UTF-8' });
      });
    });

    it('starts a login shell: that of uid 0, or the one it is told', async () => {
      const shells = directoryWith({ shell: program('#!/bin/sh\nprintf "%s|" "$0" "$@" "$HOME"\n') });
      const login = `${shells}/shell`;
      const own = etcWith({ passwd: `root:x:0:0::/admin:${login}\n` });
      const of0 = await start([], { login: 'login', etc: own });
      expect([of0.said, of0.stdout.toString()]).to.deep.equal([['started'], `${login}|-l|/admin|`]);
      const told = await start([], { login, home: '/home/app', user: 'app' });
      expect(told.stdout.toString()).to.equal(`${login}|-l|/home/app|`);
      expect((await start([], { login: '/nonexistent', home: '/' })).said).to.deep.equal(['not-found']);
    });

    it('says nothing that is not in the list', async () => {
      const { said } = await start(['/bin/true']);
      expect(RUN_MESSAGES).to.include.members(said);
    });
  });

  describe(`the script that looks up a user, in ${shell}`, () => {
    let etc: string;
    let few: string;

    before(() => {
      etc = etcWith();
      few = directoryWith({});
      for (const tool of ['grep', 'env']) symlinkSync(findExecutable(tool) ?? '', `${few}/${tool}`);
    });

    async function lookUp(user: string, group = '', given: { etc?: string; path?: string } = {}) {
      const done = await runScript(shell, {
        script: LOOKUP_SCRIPT,
        words: [user, group],
        env: { [TAG_VARIABLE]: ID },
        etc: given.etc ?? etc,
        prefix: given.path === undefined ? [] : ['/usr/bin/env', `PATH=${given.path}`],
      });
      expect([done.stdout.toString(), done.stderr]).to.deep.equal(['', '']);
      return Object.fromEntries(
        done.said.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    }

    // busybox has tools of its own that no PATH hides.
    for (const withTools of shell === 'busybox' ? [true] : [true, false]) {
      describe(withTools ? 'with getent and id' : 'with nothing but grep', () => {
        const find = (user: string, group = '', ownEtc?: string) =>
          lookUp(user, group, {
            ...(ownEtc === undefined ? {} : { etc: ownEtc }),
            ...(withTools ? {} : { path: few }),
          });

        it('knows it by name and by number, with the groups of a login', async () => {
          const app = {
            uid: '1000',
            gid: '1000',
            name: 'app',
            home: '/home/app',
            shell: '/bin/sh',
            groups: '1000 2000 2001',
          };
          expect(await find('app')).to.deep.include(app);
          expect(await find('1000')).to.deep.include(app);
          expect(await find('root')).to.deep.include({ uid: '0', gid: '0', name: 'root', home: '/root' });
        });

        it('takes a group by name and by number, known or not', async () => {
          expect(await find('app', 'extra')).to.deep.include({ uid: '1000', gid: '2000', groups: '1000 2000 2001' });
          expect(await find('app', '2001')).to.deep.include({ gid: '2001' });
          expect(await find('app', '7777')).to.deep.include({ gid: '7777' });
        });

        it('takes a number without an entry', async () => {
          expect(await find('4242')).to.deep.include({
            uid: '4242',
            gid: '0',
            name: '',
            home: '/',
            shell: '/bin/sh',
            groups: '',
          });
          expect(await find('4242', '4343')).to.deep.include({ uid: '4242', gid: '4343' });
        });

        it('says what is missing, and nothing else', async () => {
          for (const user of ['nosuch', 'ap', 'app2', '', 'x', 'a.p', '/home/app', '*']) {
            expect(await find(user), user).to.deep.equal({ missing: 'user' });
          }
          for (const group of ['nosuch', 'extr', 'x', 'app,other'])
            expect(await find('app', group), group).to.deep.equal({ missing: 'group' });
        });

        it('reads entries as they are', async () => {
          const own = etcWith({
            passwd: 'short:x:7:8\nempty:x:9:10:::\nspaced:x:11:12:A B, C:/home/a b:/bin/x y\nlast:x:13:14::/l:/bin/l',
            group: 'one:x:100:spaced2,xspaced\ntwo:x:200:spaced\nlast:x:300:a,spaced',
          });
          expect(await find('empty', '', own)).to.deep.include({ uid: '9', gid: '10', home: '/', shell: '/bin/sh' });
          expect(await find('spaced', '', own)).to.deep.include({
            home: '/home/a b',
            shell: '/bin/x y',
            groups: '12 200 300',
          });
          expect(await find('last', 'last', own)).to.deep.include({ uid: '13', gid: '300', shell: '/bin/l' });
        });
      });
    }

    if (shell === 'dash') {
      // bash itself reads the users when it starts, as getent does.
      it('does not wait at a pipe in the place of a file', async () => {
        const odd = etcWith();
        rmSync(`${odd}/passwd`);
        mustSync(['mkfifo', `${odd}/passwd`]);
        expect(await lookUp('app', '', { etc: odd, path: few })).to.deep.equal({ missing: 'user' });
      });
    }

    it('names the tool that can set groups', async () => {
      if (shell === 'busybox') {
        expect(await lookUp('app')).to.have.property('tool', 'busybox-su');
        return;
      }
      expect(await lookUp('app')).to.have.property('tool', 'setpriv');
      const coreutils = directoryWith({});
      for (const tool of ['grep', 'env', 'chroot', 'id'])
        symlinkSync(findExecutable(tool) ?? '', `${coreutils}/${tool}`);
      expect(await lookUp('app', '', { path: coreutils })).to.have.property('tool', 'chroot');
      expect(await lookUp('app', '', { path: few })).to.have.property('tool', 'none');
    });
  });
}

describe('the scripts', () => {
  it('use only names that users cannot set', () => {
    for (const script of [RUN_SCRIPT, LOOKUP_SCRIPT]) {
      expect(script).not.to.include('plx_');
      const silent = script.replaceAll(/PROXMOX_LXCRI_S_say .*/g, '');
      const assigned = [...silent.matchAll(/(?:^|[\s;])([A-Za-z_][A-Za-z0-9_]*)=(?![?]?[*])/g)].map(
        ([, name]) => name ?? '',
      );
      const meant = ['PATH', 'TERM', 'HOME', 'USER', 'LANG', 'container', 'IFS', TAG_VARIABLE];
      expect(assigned).not.to.have.length(0);
      expect(assigned.filter((name) => !name.startsWith('PROXMOX_LXCRI_') && !meant.includes(name))).to.deep.equal([]);
    }
  });
});
