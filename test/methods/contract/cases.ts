/**
 * What every method that runs commands must do, one row for each rule of exec.
 *
 * The container needs a POSIX shell, the usual small programs (busybox has them all), setsid, and a user `app` (uid and
 * gid 1000, home /home/app) in the groups `extra` (2000) and `shared` (2001).
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import type { ErrorCode } from '../../../src/model/errors.ts';
import type { ExecResult } from '../../../src/model/result.ts';
import { OPEN } from './cli.ts';
import type { RunningCli, Word } from './cli.ts';

/** What not every method can: one that cannot declares it, and must then refuse, with its reason. */
export type Need = 'environment' | 'any-name' | 'user' | 'privileged' | 'exact-bytes' | 'terminal';

/**
 * What the channel of a method may lack, so that a row has no meaning there; its suite has tests of what it does instead.
 * `static-programs`: the loader of dynamic ones has something to say to what a row sets.
 * `all-capabilities`: this host has given some away, and can give nobody more than it has.
 * `unnamed-user`: one that the container's files do not know.
 * `entered-as-user`: the working directory is entered before the user is changed.
 * `output-outlives`: what others hold of a command's output goes on after its end.
 */
export type Gap =
  | 'large-input'
  | 'open-input'
  | 'streamed-output'
  | 'end-with-us'
  | 'static-programs'
  | 'unnamed-user'
  | 'entered-as-user'
  | 'output-outlives'
  | 'all-capabilities';

export type Form = 'text' | 'json';

/** Sees a container from outside, without the method under test. */
export interface Outside {
  /** Waits until a process with exactly this command line runs in the container. */
  appears(commandLine: string): Promise<void>;
  /**
   * Command lines of all processes of this host, and of the container where it has a kernel of its own; not the CLI's own,
   * which shows what its user typed.
   */
  commandLines(cli: RunningCli): Promise<string[]>;
}

export interface Expectation {
  readonly exitCode: number;
  /** What the command wrote; default: nothing. */
  readonly stdout?: string | Buffer;
  readonly stderr?: string | Buffer;
  /** An error of ours. */
  readonly error?: ErrorCode;
  /** Further fields of the structured result. */
  readonly result?: Partial<ExecResult>;
  /** The call must be over after this long, at its best of a few times. */
  readonly withinMs?: number;
}

export interface ExecCase {
  /** What must hold; the name of the row. */
  readonly rule: string;
  readonly needs?: readonly Need[];
  /** What the row rests on. */
  readonly restsOn?: Gap;
  /** The signal that ends the command, for channels that report it. */
  readonly signal?: NodeJS.Signals;
  /** Default: both. */
  readonly form?: Form;
  readonly flags?: readonly string[];
  /** What is given as --timeout; more if the command had not begun by then, on a busy machine. */
  readonly limitMs?: number;
  readonly command: readonly Word[];
  /** The environment the CLI is called with, beside PATH. */
  readonly callerEnvironment?: Record<string, string>;
  readonly stdin?: string | Buffer | typeof OPEN;
  /** What reads the CLI's output, as in a shell's pipeline. */
  readonly pipedTo?: string;
  /** Happens in the container before. */
  readonly prepare?: string;
  /** Happens while it runs. */
  readonly during?: (cli: RunningCli, outside: Outside) => Promise<void>;
  readonly expected: Expectation;
  /** Looks at output that cannot be written down here; `platform` are the variables that tell a program where it is. */
  readonly check?: (stdout: Buffer, stderr: Buffer, platform: Record<string, string>) => void;
  /** Rests on the command having our own output; else we read it until a second of silence. */
  readonly ownOutput?: true;
  /** Marks a process that must still run afterwards, and only that; the runner ends it. */
  readonly leaves?: string;
}

/** So long that nothing ends by itself while a test runs; the numbers tell the rows apart. */
const SLEEP = 100_000;
let sleeps = 0;
function longSleep(): string {
  sleeps += 1;
  return `sleep ${SLEEP + sleeps}`;
}

/**
 * For a command that is to get a signal: input comes when our side knows that it has started. Before that a signal ends
 * the start, and the command is killed. It reads a line, and then shows that it runs.
 */
const KNOWN_TO_RUN = { stdin: 'go\n' };

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const ALL_BYTES_FORMAT = [...ALL_BYTES].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
const RANDOM = randomBytes(1024 * 1024);
const LONG_WORD = 'ä€'.repeat(20_000);
const MANY_WORDS = Array.from({ length: 800 }, (_, index) => `word ${index}`);

/** Short, as the rows wait for it. */
const LIMIT_MS = 700;

function exitCodes(): ExecCase[] {
  const own = [0, 1, 2, 42, 124, 125, 126, 127, 255];
  return [
    ...own.map((code) => ({
      rule: `exit code ${code} of the command is its own, and no error of ours`,
      command: ['sh', '-c', `exit ${code}`],
      expected: { exitCode: code },
    })),
    ...[
      { signal: 'KILL', exitCode: 137 },
      { signal: 'TERM', exitCode: 143 },
    ].map(({ signal, exitCode }) => ({
      rule: `a command ended by SIG${signal} gives ${exitCode}`,
      command: ['sh', '-c', `kill -${signal} $$`],
      signal: `SIG${signal}` as const,
      expected: { exitCode },
    })),
    {
      rule: 'a command that is not there gives 127',
      command: ['no-such-command'],
      expected: { exitCode: 127, error: 'CommandNotFound' },
    },
    {
      rule: 'a path that is not there gives 127',
      command: ['/no/such/command'],
      expected: { exitCode: 127, error: 'CommandNotFound' },
    },
    {
      rule: 'a file that is no program gives 126',
      command: ['/etc/passwd'],
      expected: { exitCode: 126, error: 'CommandNotExecutable' },
    },
    {
      rule: 'a directory gives 126',
      command: ['/etc'],
      expected: { exitCode: 126, error: 'CommandNotExecutable' },
    },
  ];
}

function words(): ExecCase[] {
  const exact = (rule: string, given: readonly Word[], needs: readonly Need[] = []): ExecCase => ({
    rule,
    needs,
    command: ['printf', '%s|', ...given],
    expected: {
      exitCode: 0,
      stdout: Buffer.concat(given.flatMap((word) => [Buffer.from(word), Buffer.from('|')])),
    },
  });
  return [
    { rule: '`test a = a` is a command', command: ['test', 'a', '=', 'a'], expected: { exitCode: 0 } },
    { rule: '`test a = b` is a command', command: ['test', 'a', '=', 'b'], expected: { exitCode: 1 } },
    {
      rule: 'a repeated flag of the command arrives twice',
      command: ['grep', '-e', 'a', '-e', 'b'],
      stdin: 'xa\nxb\nxc\n',
      expected: { exitCode: 0, stdout: 'xa\nxb\n' },
    },
    {
      rule: 'every further -- belongs to the command',
      command: ['echo', '--', 'x', '--', 'y'],
      expected: { exitCode: 0, stdout: '-- x -- y\n' },
    },
    {
      rule: 'flags of ours after the command are the command’s',
      command: ['echo', '--json', '-u', 'root', '--timeout=1s', '--keep-env', '1', '-h'],
      expected: { exitCode: 0, stdout: '--json -u root --timeout=1s --keep-env 1 -h\n' },
    },
    exact('words arrive as they are', ['', 'a b', '\nl', 'n\n', '*', '$HOME', '-u', '`id`', '\\', '"', "'", '~', ' ']),
    exact('words may hold control characters', ['\t', '\u0001', '\u001b[31m', '\r', '\u007f', '\u0085']),
    exact('words may hold any text', ['ä', '€', '\u{1f600}', 'e\u0301', '\ufffd']),
    exact('words may hold bytes that are no text', [Buffer.of(0xff, 0xfe, 0x61), Buffer.of(0xc3)], ['exact-bytes']),
    exact('a word may be 100 kB long', [LONG_WORD]),
    exact('there may be hundreds of words', MANY_WORDS),
    {
      rule: 'the command’s own first word is what was typed',
      command: ['cat', '/proc/self/cmdline'],
      expected: { exitCode: 0, stdout: 'cat\0/proc/self/cmdline\0' },
    },
  ];
}

function streams(): ExecCase[] {
  const lines = Array.from({ length: 2000 }, (_, index) => `${index}\n`).join('');
  const daemon = longSleep();
  return [
    {
      rule: 'the streams are separate, and the exit code is passed through',
      command: ['sh', '-c', 'echo out; echo err >&2; exit 42'],
      expected: { exitCode: 42, stdout: 'out\n', stderr: 'err\n' },
    },
    {
      rule: 'each stream keeps its order',
      command: ['sh', '-c', 'i=0; while [ $i -lt 2000 ]; do echo $i; echo $i >&2; i=$((i+1)); done'],
      expected: { exitCode: 0, stdout: lines, stderr: lines },
    },
    {
      rule: 'output may be any bytes',
      command: ['sh', '-c', `printf '${ALL_BYTES_FORMAT}'; printf '${ALL_BYTES_FORMAT}' >&2`],
      expected: {
        exitCode: 0,
        stdout: ALL_BYTES,
        stderr: ALL_BYTES,
        result: { stdoutEncoding: 'base64', stderrEncoding: 'base64' },
      },
    },
    {
      rule: 'standard input may be any bytes, and its end arrives',
      restsOn: 'large-input',
      command: ['sh', '-c', 'cat; printf end'],
      stdin: RANDOM,
      expected: { exitCode: 0, stdout: Buffer.concat([RANDOM, Buffer.from('end')]) },
    },
    {
      rule: 'the command may end without reading its input',
      restsOn: 'large-input',
      command: ['true'],
      stdin: RANDOM,
      expected: { exitCode: 0 },
    },
    {
      rule: 'an open input does not hold a command that has ended',
      restsOn: 'open-input',
      command: ['echo', 'over'],
      stdin: OPEN,
      expected: { exitCode: 0, stdout: 'over\n', withinMs: 10_000 },
    },
    {
      rule: 'a standard input that is not attached has ended',
      flags: ['--no-stdin'],
      command: ['cat'],
      stdin: OPEN,
      during: async (cli) => void cli.child.stdin?.write('not for the command'),
      expected: { exitCode: 0 },
    },
    {
      rule: '8 MiB arrive whole, and are not truncated',
      command: ['sh', '-c', 'head -c 8388608 /dev/zero | tr "\\0" x'],
      expected: { exitCode: 0, stdout: Buffer.alloc(8_388_608, 'x'), result: { truncated: false } },
    },
    {
      rule: 'output beyond --max-output is dropped, and the command does not notice',
      form: 'json',
      flags: ['--max-output', '10'],
      command: ['sh', '-c', 'printf 1234567890abc; head -c 1000000 /dev/zero; echo all >&2'],
      expected: { exitCode: 0, stdout: '1234567890', stderr: 'all\n', result: { truncated: true } },
    },
    {
      rule: 'a reader that goes away is SIGPIPE to the command',
      restsOn: 'streamed-output',
      form: 'text',
      command: ['sh', '-c', 'while :; do echo y; done'],
      pipedTo: 'head -n 1',
      expected: { exitCode: 141, stdout: 'y\n', withinMs: 10_000 },
    },
    {
      rule: 'a child that keeps the output does not hold the command: reading stops after a second of silence',
      restsOn: 'output-outlives',
      form: 'json',
      command: ['sh', '-c', `${daemon} & echo done; exit 3`],
      expected: { exitCode: 3, stdout: 'done\n', result: { outputIncomplete: true }, withinMs: 5000 },
      leaves: daemon,
    },
    {
      rule: 'a child that keeps the output does not hold the command: it has our own output, and we end at once',
      form: 'text',
      command: ['sh', '-c', `${daemon} & echo done; exit 3`],
      expected: { exitCode: 3, stdout: 'done\n', withinMs: 900 },
      ownOutput: true,
      leaves: daemon,
    },
    {
      rule: 'a daemon of a command that ended by itself stays',
      command: ['sh', '-c', `setsid ${daemon} >/dev/null 2>&1 </dev/null & echo started`],
      expected: { exitCode: 0, stdout: 'started\n', result: { outputIncomplete: false } },
      leaves: daemon,
    },
    {
      rule: '-t gives a terminal in a script too, 80 columns by 24 rows',
      needs: ['terminal'],
      flags: ['-t'],
      command: ['sh', '-c', 'stty size; test -t 0 && test -t 1 && test -t 2 && echo $TERM; exit 5'],
      expected: { exitCode: 5, stdout: '24 80\r\nxterm\r\n' },
    },
    {
      rule: 'at a terminal the end of the input comes to whoever reads, and more than once',
      needs: ['terminal'],
      flags: ['-t'],
      // The first is lost on a line that has begun, the second to a program that has not.
      command: ['sh', '-c', 'cat; sleep 1; cat; exit 6'],
      stdin: 'begun',
      expected: { exitCode: 6 },
      check: (stdout) => expect(stdout.toString()).to.include('begun'),
    },
    {
      rule: 'at a terminal there is an end of the input also where there is no input',
      needs: ['terminal'],
      flags: ['-t', '--no-stdin'],
      command: ['sh', '-c', 'cat; exit 6'],
      expected: { exitCode: 6 },
    },
    {
      rule: 'without -t there is no terminal',
      command: ['sh', '-c', 'test -t 0 || test -t 1 || test -t 2 || echo none; : "${TERM-}"; echo "${TERM-unset}"'],
      expected: { exitCode: 0, stdout: 'none\nunset\n' },
    },
  ];
}

const PRINT_ENVIRONMENT = ['cat', '/proc/self/environ'];

function environmentOf(bytes: Buffer): Map<string, string> {
  const entries = bytes.toString().split('\0').filter(Boolean);
  return new Map(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const),
  );
}

const CLEAN = ['HOME', 'LANG', 'PATH', 'PROXMOX_LXCRI_EXEC_ID', 'USER'];
const UNWANTED = {
  SECRET: 'of the host',
  LD_PRELOAD: '',
  TERM: 'of-the-host',
  LC_ALL: 'C',
  LANG: 'de_DE.UTF-8',
  HOME: '/home/of/the/host',
  USER: 'of-the-host',
  LXC_SECRET: 'of the host',
  PERL5LIB: '/nonexistent',
  SSL_CERT_FILE: '/nonexistent',
  IFS: 'x',
  ENV: '/nonexistent',
};

/** What -e gives, and nothing else, comes on top. */
function withVariables(rule: string, variables: Record<string, string>, further: Partial<ExecCase> = {}): ExecCase {
  return {
    rule,
    needs: ['environment'],
    flags: Object.entries(variables).flatMap(([key, value]) => ['-e', `${key}=${value}`]),
    command: PRINT_ENVIRONMENT,
    expected: { exitCode: 0 },
    check: (stdout, _stderr, platform) => {
      const found = environmentOf(stdout);
      for (const [key, value] of Object.entries(variables)) expect(found.get(key), key).to.equal(value);
      expect([...found.keys()].toSorted()).to.deep.equal([
        ...new Set([...CLEAN, ...Object.keys(platform), ...Object.keys(variables)].toSorted()),
      ]);
    },
    ...further,
  };
}

function environment(): ExecCase[] {
  const secret = `secret-${randomBytes(8).toString('hex')}`;
  const hold = longSleep();
  return [
    {
      rule: 'the environment is clean, whatever the caller’s is',
      command: PRINT_ENVIRONMENT,
      callerEnvironment: UNWANTED,
      expected: { exitCode: 0 },
      check: (stdout, _stderr, platform) => {
        const found = environmentOf(stdout);
        expect([...found.keys()].toSorted()).to.deep.equal([...CLEAN, ...Object.keys(platform)].toSorted());
        expect(Object.fromEntries([...found].filter(([key]) => key !== 'PROXMOX_LXCRI_EXEC_ID'))).to.deep.equal({
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: '/root',
          USER: 'root',
          LANG: 'C.UTF-8',
          ...platform,
        });
      },
    },
    withVariables('-e sets variables, whatever their values are', {
      PLAIN: 'value',
      EMPTY: '',
      SPACES: '  a  b  ',
      LINES: '\none\n\ntwo\n',
      QUOTES: `'"\`$HOME\\$(id)`,
      EQUALS: '=a=b=',
      TEXT: 'ä€\u{1f600}',
      GLOB: '*',
      CONTROL: '\u0001\u001b[31m\t\r',
      _under: '1',
    }),
    withVariables('-e may name a variable as our own scripts do', {
      plx_a: 'a',
      plx_b: 'b',
      plx_c: 'c',
      plx_f: 'f',
      plx_i: 'i',
    }),
    withVariables(
      '-e may have names that no shell can hold',
      { 'a.b': 'dots', 'A-B': 'a=b', 'dots.and-more_1': '', é: 'ä', 1: 'one', 'a;b$c': "'" },
      { needs: ['environment', 'any-name'] },
    ),
    withVariables(
      '-e may name variables that mean something on the way',
      {
        LD_PRELOAD: '/nonexistent/for/nobody.so',
        LD_LIBRARY_PATH: '/nonexistent',
        LXC_TEST: 'x',
        IFS: 'e/',
        ENV: '/nonexistent',
        CDPATH: '/etc',
        PS1: '# ',
        TERM: 'vt100',
      },
      { restsOn: 'static-programs' },
    ),
    withVariables('-e replaces what a login has', {
      PATH: '/usr/bin:/bin',
      HOME: '/tmp',
      USER: 'somebody',
      LANG: 'de_DE.UTF-8',
      container: 'mine',
    }),
    {
      rule: '-e PATH decides what is found',
      needs: ['environment'],
      flags: ['-e', 'PATH=/nonexistent'],
      command: ['true'],
      expected: { exitCode: 127, error: 'CommandNotFound' },
    },
    {
      rule: 'the last -e of a name wins',
      needs: ['environment'],
      flags: ['-e', 'A=1', '-e', 'A=2'],
      command: ['sh', '-c', 'echo "$A"'],
      expected: { exitCode: 0, stdout: '2\n' },
    },
    withVariables(
      'a hundred variables arrive',
      Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`V${index}`, `value ${index}`])),
    ),
    withVariables(
      '-e KEY takes the caller’s value',
      { FROM_CALLER: 'a value\n' },
      { flags: ['-e', 'FROM_CALLER'], callerEnvironment: { FROM_CALLER: 'a value\n' } },
    ),
    {
      rule: 'no value of -e is on any command line of the host',
      signal: 'SIGTERM',
      needs: ['environment'],
      flags: ['-e', `TYPED=typed-${secret}`, '-e', 'INHERITED'],
      callerEnvironment: { INHERITED: `inherited-${secret}` },
      command: ['sh', '-c', `echo "$TYPED $INHERITED"; read -r go; ${hold} & wait`],
      ...KNOWN_TO_RUN,
      during: async (cli, outside) => {
        const seen: string[] = [];
        const look = async (): Promise<void> => {
          seen.push(...(await outside.commandLines(cli)).filter((line) => line.includes(secret)));
        };
        let isStarting = true;
        const watch = async (): Promise<void> => {
          // As often as can be while it starts: helpers that live for milliseconds count too.
          while (isStarting) {
            // oxlint-disable-next-line no-await-in-loop -- one after the other
            await look();
            // oxlint-disable-next-line no-await-in-loop -- as above
            await sleep(1);
          }
        };
        await Promise.all([watch(), outside.appears(hold).finally(() => (isStarting = false))]);
        await look();
        cli.child.kill('SIGTERM');
        expect(seen).to.deep.equal([]);
      },
      expected: {
        exitCode: 143,
        stdout: `typed-${secret} inherited-${secret}\n`,
        result: { canceled: true },
      },
    },
  ];
}

function places(): ExecCase[] {
  return [
    { rule: 'commands run in / by default', command: ['pwd'], expected: { exitCode: 0, stdout: '/\n' } },
    {
      rule: '-w is where the command runs',
      flags: ['-w', '/tmp'],
      command: ['pwd'],
      expected: { exitCode: 0, stdout: '/tmp\n' },
    },
    {
      rule: '-w may have any name',
      prepare: "mkdir -p '/tmp/-a  b\n*$(c)'",
      flags: ['-w', '/tmp/-a  b\n*$(c)'],
      command: ['pwd'],
      expected: { exitCode: 0, stdout: '/tmp/-a  b\n*$(c)\n' },
    },
    {
      rule: 'a relative command is found from -w',
      prepare: "mkdir -p /tmp/here; printf '#!/bin/sh\\necho here\\n' >/tmp/here/run; chmod 755 /tmp/here/run",
      flags: ['-w', '/tmp/here'],
      command: ['./run'],
      expected: { exitCode: 0, stdout: 'here\n' },
    },
    {
      rule: 'a -w that is not there is an error, and nothing runs',
      flags: ['-w', '/no/such/directory'],
      command: ['touch', '/tmp/must-not-be-there'],
      expected: { exitCode: 125, error: 'WorkdirNotFound' },
    },
    {
      rule: 'nothing ran when -w was not there',
      command: ['test', '!', '-e', '/tmp/must-not-be-there'],
      expected: { exitCode: 0 },
    },
    {
      rule: 'a -w that is a file is an error',
      flags: ['-w', '/etc/passwd'],
      command: ['true'],
      expected: { exitCode: 125, error: 'WorkdirNotFound' },
    },
  ];
}

function users(): ExecCase[] {
  const who = ['sh', '-c', 'echo $(id -u) $(id -g); id -G; echo "$HOME $USER"'];
  const as = (rule: string, user: string, stdout: string): ExecCase => ({
    rule,
    needs: ['user'],
    flags: ['-u', user],
    command: who,
    expected: { exitCode: 0, stdout },
  });
  return [
    {
      rule: 'commands run as root by default',
      command: who,
      expected: { exitCode: 0, stdout: '0 0\n0\n/root root\n' },
    },
    as('-u NAME has the groups and the home of a login', 'app', '1000 1000\n1000 2000 2001\n/home/app app\n'),
    as('-u UID of a known user has its groups and home', '1000', '1000 1000\n1000 2000 2001\n/home/app app\n'),
    { ...as('-u UID:GID is these numbers', '4242:4343', '4242 4343\n4343\n/ \n'), restsOn: 'unnamed-user' },
    as('-u of a user without further groups', 'nobody', '65534 65534\n65534\n/ nobody\n'),
    {
      rule: 'the user owns what it makes',
      needs: ['user'],
      flags: ['-u', 'app'],
      command: ['sh', '-c', 'f=/tmp/made-by-app; : >$f; stat -c "%u %g" $f; rm $f'],
      expected: { exitCode: 0, stdout: '1000 1000\n' },
    },
    ...['no-such-user', 'app:no-such-group'].map((user) => ({
      rule: `-u ${user} is an error, and nothing runs`,
      needs: ['user' as const],
      flags: ['-u', user],
      command: ['true'],
      expected: { exitCode: 125, error: 'UserNotFound' as const },
    })),
    {
      rule: 'a user that may not enter -w is told so',
      restsOn: 'entered-as-user',
      needs: ['user'],
      prepare: 'mkdir -p /tmp/closed; chmod 700 /tmp/closed',
      flags: ['-u', 'app', '-w', '/tmp/closed'],
      command: ['true'],
      expected: { exitCode: 125, error: 'WorkdirNotFound' },
    },
    {
      rule: 'a command of another user reads and writes our descriptors',
      needs: ['user'],
      flags: ['-u', 'app'],
      command: ['sh', '-c', 'cat; echo err >&2'],
      stdin: 'in',
      expected: { exitCode: 0, stdout: 'in', stderr: 'err\n' },
    },
    {
      rule: '--privileged runs the command',
      restsOn: 'all-capabilities',
      needs: ['privileged'],
      flags: ['--privileged'],
      command: ['true'],
      expected: { exitCode: 0 },
    },
  ];
}

function ends(): ExecCase[] {
  const timedOut = (rule: string, script: string, killAfter = '10s'): ExecCase => ({
    rule,
    flags: ['--kill-after', killAfter],
    limitMs: LIMIT_MS,
    command: ['sh', '-c', script],
    expected: {
      exitCode: 124,
      error: 'ExecutionTimeout',
      result: { timedOut: true, started: true, treeKill: true },
      withinMs: 9000,
    },
  });
  const signalled = (signal: NodeJS.Signals, exitCode: number): ExecCase => {
    const [first, second] = [longSleep(), longSleep()];
    return {
      rule: `${signal} to us ends the command and all it started`,
      ...(signal === 'SIGQUIT' ? {} : { signal }),
      // busybox's shell ignores QUIT, and so would a command that takes its place.
      command: [
        'sh',
        '-c',
        `${signal === 'SIGQUIT' ? 'trap "exit 131" QUIT; ' : ''}read -r go; setsid ${first} & ${second} & wait`,
      ],
      ...KNOWN_TO_RUN,
      during: async (cli, outside) => {
        await outside.appears(second);
        cli.child.kill(signal);
      },
      expected: { exitCode, result: { canceled: true, treeKill: true }, withinMs: 9000 },
    };
  };
  const [trapped, handled, deaf, killed, env, late] = [
    longSleep(),
    longSleep(),
    longSleep(),
    longSleep(),
    longSleep(),
    longSleep(),
  ];
  return [
    timedOut('a timeout ends a command and its background child', `${longSleep()} & ${longSleep()}`),
    {
      ...timedOut(
        'a timeout kills a command that ignores TERM',
        `trap '' TERM; while :; do ${longSleep()}; done`,
        '300ms',
      ),
      form: 'json',
    },
    {
      ...timedOut('a timeout ends what called setsid', `setsid sh -c '${longSleep()} & wait' & ${longSleep()}`),
      form: 'json',
    },
    {
      ...timedOut(
        'a timeout ends what left its environment, session and parent',
        `(env -i setsid ${longSleep()} &); ${longSleep()}`,
      ),
      form: 'json',
    },
    {
      rule: 'a command that ends in time is not disturbed by its timeout',
      flags: ['--timeout', '1m'],
      command: ['sh', '-c', 'echo in time; exit 9'],
      expected: { exitCode: 9, stdout: 'in time\n', result: { timedOut: false } },
    },
    {
      rule: 'what a command writes when it is ended by a timeout is kept',
      limitMs: LIMIT_MS,
      command: ['sh', '-c', `trap 'echo bye; exit 1' TERM; ${late} & echo hello; wait`],
      expected: { exitCode: 124, stdout: 'hello\nbye\n', error: 'ExecutionTimeout', result: { timedOut: true } },
    },
    signalled('SIGTERM', 143),
    signalled('SIGINT', 130),
    signalled('SIGHUP', 129),
    signalled('SIGQUIT', 131),
    {
      rule: 'no signal is ignored when a command starts',
      command: ['grep', 'SigIgn', '/proc/self/status'],
      expected: { exitCode: 0, stdout: 'SigIgn:\t0000000000000000\n' },
    },
    {
      rule: 'a command that handles the signal keeps its own exit code',
      command: ['sh', '-c', `trap 'echo got it; exit 7' TERM; read -r go; ${handled} & wait`],
      ...KNOWN_TO_RUN,
      during: async (cli, outside) => {
        await outside.appears(handled);
        cli.child.kill('SIGTERM');
      },
      expected: { exitCode: 7, stdout: 'got it\n', result: { canceled: true } },
    },
    {
      rule: 'a command that ignores the signal is killed after --kill-after',
      signal: 'SIGKILL',
      flags: ['--kill-after', '300ms'],
      command: ['sh', '-c', `trap '' TERM; read -r go; ${deaf}`],
      ...KNOWN_TO_RUN,
      during: async (cli, outside) => {
        await outside.appears(deaf);
        cli.child.kill('SIGTERM');
      },
      expected: { exitCode: 137, result: { canceled: true, treeKill: true }, withinMs: 9000 },
    },
    {
      rule: 'USR1 is only forwarded',
      command: ['sh', '-c', `trap 'echo usr1; kill $!; exit 8' USR1; read -r go; ${trapped} & wait`],
      ...KNOWN_TO_RUN,
      during: async (cli, outside) => {
        await outside.appears(trapped);
        cli.child.kill('SIGUSR1');
      },
      expected: { exitCode: 8, stdout: 'usr1\n', result: { canceled: false } },
    },
    {
      rule: 'nothing is left when we are killed',
      restsOn: 'end-with-us',
      form: 'text',
      command: ['sh', '-c', `setsid ${env} & ${killed}`],
      during: async (cli, outside) => {
        await outside.appears(killed);
        cli.child.kill('SIGKILL');
      },
      expected: { exitCode: 137 },
    },
  ];
}

export const EXEC_CASES: readonly ExecCase[] = [
  ...streams(),
  ...exitCodes(),
  ...words(),
  ...environment(),
  ...places(),
  ...users(),
  ...ends(),
];
