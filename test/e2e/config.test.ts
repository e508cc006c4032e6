/** What is configured in files and variables, as the verbs obey it. */
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { CLI, runCli } from '../methods/contract/cli.ts';
import { expectErrorLine, resultOf } from '../methods/contract/result.ts';
import { documentErrors } from '../model/schema.ts';
import { DEFAULT_LXCPATH, run, scratchDirectory, startContainer } from '../support/lxc.ts';
import { withLimit } from '../support/limits.ts';
import type { Container } from '../support/lxc.ts';
import { createPctDouble } from '../support/pve/pct-double.ts';
import { createPveTree } from '../support/pve/tree.ts';
import { waitFor } from '../support/wait-for.ts';

/** High, and different in each run: the container stands where Proxmox has it, beside whatever is there. */
const VMID = 820_000_000 + (process.pid % 100_000_000);

/** An environment with a configuration file of this text, and nothing kept of others. */
function configured(text: string): { PROXMOX_LXCRI_CONFIG: string; PROXMOX_LXCRI_CACHE_DIR: string } {
  const directory = scratchDirectory();
  const file = `${directory}/config.yaml`;
  writeFileSync(file, text);
  chmodSync(file, 0o644);
  return { PROXMOX_LXCRI_CONFIG: file, PROXMOX_LXCRI_CACHE_DIR: `${directory}/cache` };
}

describe('a configuration', () => {
  let container: Container;
  /** In a directory of its own. */
  let elsewhere: Container;
  let onNode: Container;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    elsewhere = await startContainer({ kind: 'busybox', name: 'elsewhere', lxcpath: scratchDirectory() });
    onNode = await startContainer({ kind: 'busybox', name: String(VMID), lxcpath: DEFAULT_LXCPATH });
  });

  after(async () => {
    for (const made of [container, elsewhere, onNode]) await made?.destroy();
  });

  const exec = async (env: NodeJS.ProcessEnv, ...words: string[]) =>
    resultOf(await runCli(['exec', '--json', ...words], { env }));

  const methodsTried = async (env: NodeJS.ProcessEnv, ...flags: string[]): Promise<string[]> =>
    (await exec(env, ...flags, container.name, '--', 'true')).attempts.map(({ method }) => method);

  it('orders the methods; a variable overrides the file, and a flag both', async () => {
    const env = configured('methods: [lxc-attach, pct]\n');
    expect(await methodsTried({})).to.deep.equal(['proxmox-api', 'pct', 'lxc-attach']);
    expect(await methodsTried(env)).to.deep.equal(['lxc-attach']);
    const both = { ...env, PROXMOX_LXCRI_METHODS: 'pct,lxc-attach' };
    expect(await methodsTried(both)).to.deep.equal(['pct', 'lxc-attach']);
    expect(await methodsTried(both, '--method', 'lxc-attach')).to.deep.equal(['lxc-attach']);
  });

  it('says where containers are, to exec and to the other verbs', async () => {
    const tree = createPveTree({ node: 'pve7', containers: [{ vmid: VMID, hostname: 'on-node' }] });
    const pct = createPctDouble({ pveDir: tree.dir });
    const env = {
      ...configured(`lxcpath: [${elsewhere.lxcpath}]\npveDirectory: ${tree.dir}\n`),
      PATH: `${pct.bin}:${process.env['PATH']}`,
    };
    expect((await exec(env, 'elsewhere', '--', 'true')).exitCode).to.equal(0);
    expect((await exec({}, 'elsewhere', '--', 'true')).error?.code).to.equal('ContainerNotFound');
    const { container: found, method } = await exec(env, 'on-node', '--', 'true');
    expect([found?.id, found?.node, method]).to.deep.equal([String(VMID), 'pve7', 'pct']);
    const listed = JSON.parse((await runCli(['ps', '--json'], { env })).stdout.toString()) as {
      containers: { name: string }[];
    };
    expect(listed.containers.map(({ name }) => name)).to.include.members(['elsewhere', 'on-node', container.name]);
    const state = await runCli(['state', 'elsewhere'], { env });
    expect([state.exitCode, state.stdout.toString()]).to.satisfy(
      ([code, text]: [number, string]) => code === 0 && text.includes('"running"'),
    );
    const inside = await runCli(['ps', 'elsewhere'], { env });
    expect([inside.exitCode, inside.stderr.toString()]).to.deep.equal([0, '']);
  });

  it('limits the time of a command, unless the call says otherwise', async () => {
    const limited = (limitMs: number) => configured(`exec:\n  timeout: ${limitMs}ms\n  killAfter: 300ms\n`);
    const stubborn = ['--', 'sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'];
    const ended = await withLimit(
      700,
      (limitMs) => exec(limited(limitMs), container.name, ...stubborn),
      ({ started }) => started,
    );
    expect([ended.exitCode, ended.timedOut, ended.treeKill]).to.deep.equal([124, true, true]);
    expect(ended.durationMs).to.be.within(990, 40_000);
    const env = limited(700);
    const unlimited = await exec(env, '--timeout', 'none', container.name, '--', 'sh', '-c', 'sleep 1; echo done');
    expect([unlimited.exitCode, unlimited.stdout]).to.deep.equal([0, 'done\n']);
    const longer = await exec({ ...env, PROXMOX_LXCRI_TIMEOUT: '20s' }, container.name, '--', 'sleep', '1');
    expect(longer.exitCode).to.equal(0);
  });

  it('limits what a result holds, unless the call says otherwise', async () => {
    const env = configured('exec: {maxOutput: 5}\n');
    const words = [container.name, '--', 'echo', '123456789'];
    const short = await exec(env, ...words);
    expect([short.stdout, short.truncated]).to.deep.equal(['12345', true]);
    const whole = await exec(env, '--max-output', '1KiB', ...words);
    expect([whole.stdout, whole.truncated]).to.deep.equal(['123456789\n', false]);
  });

  it('says where the results of detached commands are, how much of each is kept, and for how long', async () => {
    const state = `${scratchDirectory()}/lxcri`;
    const env = configured(`stateDirectory: ${state}\ndetached: {maxOutput: 3}\nexec: {maxOutput: 2}\n`);
    const runDetached = async (variables: NodeJS.ProcessEnv, ...flags: string[]): Promise<string> => {
      const words = ['exec', '-d', ...flags, container.name, '--', 'echo', '12345'];
      const { exitCode, stdout, stderr } = await runCli(words, { env: { ...env, ...variables } });
      expect([exitCode, stderr.toString()]).to.deep.equal([0, '']);
      return stdout.toString().trim();
    };
    const outputOf = async (id: string): Promise<string> =>
      (await runCli(['result', '--wait', id], { env })).stdout.toString();
    const first = await runDetached({});
    expect(await outputOf(first)).to.equal('123');
    expect(resultOf(await runCli(['result', '--json', first], { env })).stdout).to.equal('12');
    const second = await runDetached({}, '--max-output', '4');
    expect(await outputOf(second)).to.equal('1234');
    const kept = (): string[] => readdirSync(`${state}/executions`);
    expect(kept().toSorted()).to.deep.equal([first, second].toSorted());
    await runDetached({ PROXMOX_LXCRI_DETACHED_KEEP: '1ms' });
    await waitFor(() => !kept().includes(first) && !kept().includes(second), { what: 'old results to be removed' });
  });

  it('says how long a container may take to shut down', async () => {
    // Its init never hears of the shutdown.
    const deaf = await startContainer({ kind: 'busybox', config: ['lxc.signal.halt = SIGURG'] });
    try {
      const { exitCode, stdout } = await runCli(['stop', '--json', deaf.name], {
        env: configured('stop: {timeout: 1s}\n'),
      });
      const { forced } = JSON.parse(stdout.toString()) as { forced: boolean };
      expect([exitCode, forced]).to.deep.equal([0, true]);
    } finally {
      await deaf.destroy();
    }
  });

  it('that is wrong stops every verb before it does anything', async () => {
    const env = configured('methods: [lxc-attach]\nexec:\n  timout: 30s\n');
    const says = `${env.PROXMOX_LXCRI_CONFIG}:3:3: unknown key "exec.timout"; did you mean exec.timeout?`;
    for (const words of [
      ['exec', container.name, '--', 'touch', '/tmp/must-not-be-there'],
      ['ps'],
      ['state', container.name],
      ['stop', container.name],
      ['kill', container.name],
      ['start', container.name],
      ['config', 'show'],
      ['hook', '--on', 'post-start', String(VMID), 'post-start', '--', 'true'],
    ]) {
      const { exitCode, stdout, stderr } = await runCli(words, { env });
      expect([exitCode, stdout.toString()], words.join(' ')).to.deep.equal([125, '']);
      expect(stderr.toString())
        .to.match(/^proxmox-lxcri: (hook .*: )?ConfigError: [^\n]*\n$/)
        .and.to.include(says);
    }
    const { error, started, exitCode } = await exec(env, container.name, '--', 'touch', '/tmp/must-not-be-there');
    expect([error?.code, started, exitCode]).to.deep.equal(['ConfigError', false, 125]);
    expect((await container.attach(['test', '-e', '/tmp/must-not-be-there'])).exitCode).to.equal(1);
    expect(await container.running()).to.equal(true);
  });

  it('that is wrong does not matter to a hook that was not asked for, nor to help', async () => {
    const env = configured('methods: 5\n');
    const phase = await runCli(['hook', '--on', 'post-start', String(VMID), 'pre-stop', '--', 'true'], { env });
    expect([phase.exitCode, phase.stderr.toString()]).to.deep.equal([0, '']);
    for (const words of [['exec', '--help'], ['config', 'show', '--help'], ['--help']])
      expect((await runCli(words, { env })).exitCode, words.join(' ')).to.equal(0);
  });

  it('that others could have written is refused', async () => {
    const env = configured('methods: [lxc-attach]\n');
    chmodSync(env.PROXMOX_LXCRI_CONFIG, 0o664);
    const { exitCode, stderr } = await runCli(['exec', container.name, '--', 'true'], { env });
    expect(exitCode).to.equal(125);
    expect(expectErrorLine(stderr, 'ConfigError')).to.include(
      `can be written by others; run: chmod go-w ${env.PROXMOX_LXCRI_CONFIG}`,
    );
  });

  it('is kept after it was read, and read again when it changes', async () => {
    const env = configured('methods: [lxc-attach]\n');
    const { PROXMOX_LXCRI_CONFIG: file, PROXMOX_LXCRI_CACHE_DIR: cache } = env;
    const [kept = ''] = await waitFor(
      async () => {
        await methodsTried(env);
        return readdirSync(cache);
      },
      { what: 'the configuration to be kept' },
    );
    expect([statSync(cache).mode & 0o777, statSync(`${cache}/${kept}`).mode & 0o777]).to.deep.equal([0o700, 0o600]);
    // Changed by hand, so that it shows that it is used.
    const text = readFileSync(`${cache}/${kept}`, 'utf8');
    writeFileSync(`${cache}/${kept}`, text.replace('"lxc-attach"', '"pct","lxc-attach"'));
    expect(await methodsTried(env)).to.deep.equal(['pct', 'lxc-attach']);
    writeFileSync(file, 'methods: [proxmox-api, lxc-attach]\n');
    expect(await methodsTried(env)).to.deep.equal(['proxmox-api', 'lxc-attach']);
  });
});

describe('config show', () => {
  it('shows every key with its value, and where it was set', async () => {
    const env = { ...configured('exec:\n  timeout: 5m\nlxcpath: [/srv/lxc]\n'), PROXMOX_LXCRI_STOP_TIMEOUT: '2m' };
    const file = env.PROXMOX_LXCRI_CONFIG;
    const rowsOf = async (...flags: string[]): Promise<string[][]> => {
      const { exitCode, stdout, stderr } = await runCli(['config', 'show', ...flags], { env });
      expect([exitCode, stderr.toString()]).to.deep.equal([0, '']);
      return stdout
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/));
    };
    const plain = await rowsOf();
    expect(plain[0]).to.deep.equal(['KEY', 'VALUE']);
    expect(plain).to.deep.include.members([
      ['exec.timeout', '5m'],
      ['lxcpath', '[/srv/lxc, /var/lib/lxc]'],
      ['exec.killAfter', '10s'],
    ]);
    const withOrigin = await rowsOf('--origin');
    expect(withOrigin[0]).to.deep.equal(['KEY', 'VALUE', 'ORIGIN']);
    expect(withOrigin).to.deep.include.members([
      ['exec.timeout', '5m', `${file}:2`],
      ['lxcpath', '[/srv/lxc, /var/lib/lxc]', `${file}:3`],
      ['stop.timeout', '2m', 'PROXMOX_LXCRI_STOP_TIMEOUT'],
      ['exec.killAfter', '10s', 'default'],
      ['cacheDirectory', env.PROXMOX_LXCRI_CACHE_DIR, 'PROXMOX_LXCRI_CACHE_DIR'],
    ]);
  });

  it('prints a document that follows its schema, also when something is wrong', async () => {
    const env = { ...configured('exec: {timeout: 5m}\n'), PROXMOX_LXCRI_STOP_TIMEOUT: '2m' };
    const good = await runCli(['config', 'show', '--json'], { env });
    const document = JSON.parse(good.stdout.toString()) as { settings: { key: string; origin: object }[] };
    expect([good.exitCode, documentErrors('config-show', document)]).to.deep.equal([0, []]);
    expect(document.settings.find(({ key }) => key === 'exec.timeout')).to.deep.equal({
      key: 'exec.timeout',
      value: '5m',
      origin: { kind: 'file', file: env.PROXMOX_LXCRI_CONFIG, line: 1 },
    });
    const bad = await runCli(['config', 'show', '--json'], { env: configured('exec: 5\n') });
    const failed = JSON.parse(bad.stdout.toString()) as { error: { code: string } };
    expect([bad.exitCode, bad.stderr.toString(), documentErrors('config-show', failed)]).to.deep.equal([125, '', []]);
    expect(failed.error.code).to.equal('ConfigError');
    expect(documentErrors('config-show', { ...document, settings: [{ key: 'a' }] })).not.to.deep.equal([]);
  });

  it('prints nothing that a terminal acts on', async () => {
    const directory = scratchDirectory();
    const file = `${directory}/\u001b[31m\nconfig.yaml`;
    writeFileSync(file, 'lxcpath: ["/\u202eevil"]\n');
    chmodSync(file, 0o644);
    const env = { PROXMOX_LXCRI_CONFIG: file, PROXMOX_LXCRI_CACHE_DIR: `${directory}/cache` };
    const { exitCode, stdout } = await runCli(['config', 'show', '--origin'], { env });
    expect(exitCode).to.equal(0);
    expect(stdout.toString()).to.include('/\\u202eevil').and.to.include('\\u001b[31m\\u000aconfig.yaml:1');
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(stdout.toString()).not.to.match(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('is for everybody, and works without HOME', async () => {
    // The capability is for a checkout in root's home.
    const asNobody =
      'setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_read_search --ambient-caps +dac_read_search';
    const environment = `env -i PATH=${process.env['PATH']} PROXMOX_LXCRI_CONFIG=/dev/null`;
    const { exitCode, stdout, stderr } = await run([
      ...(`${asNobody} ${environment}`.split(' ') as [string]),
      CLI,
      'config',
      'show',
    ]);
    expect([exitCode, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^stateDirectory +\/nonexistent\/\.local\/state\/proxmox-lxcri$/m);
  });

  it('shows that the user’s file overrides the system’s, and a variable both', async () => {
    const place = scratchDirectory();
    // In a mount namespace of its own, over this host's /etc.
    const script = `set -e
      umask 022
      cd "$1"
      mkdir upper work home home/proxmox-lxcri
      mount -t overlay overlay -o lowerdir=/etc,upperdir=upper,workdir=work /etc
      mkdir -p /etc/proxmox-lxcri
      printf 'exec: {timeout: 1m, killAfter: 1s}\\nstop: {timeout: 1m}\\n' >/etc/proxmox-lxcri/config.yaml
      printf 'exec:\\n  timeout: 2m\\nstop:\\n  timeout: 2m\\n' >home/proxmox-lxcri/config.yaml
      exec env -i PATH="$PATH" XDG_CONFIG_HOME="$1/home" PROXMOX_LXCRI_CACHE_DIR="$1/cache" \
        PROXMOX_LXCRI_STOP_TIMEOUT=3m "$0" config show --origin`;
    const { stdout, stderr } = await run(['unshare', '-m', 'sh', '-c', script, CLI, place]);
    const lines = stdout.split('\n').map((line) => line.split(/ {2,}/));
    expect(lines, stderr).to.deep.include.members([
      ['exec.killAfter', '1s', '/etc/proxmox-lxcri/config.yaml:1'],
      ['exec.timeout', '2m', `${place}/home/proxmox-lxcri/config.yaml:2`],
      ['stop.timeout', '3m', 'PROXMOX_LXCRI_STOP_TIMEOUT'],
    ]);
  });

  it('names variables that have no effect, as doctor does', async () => {
    const warning =
      'proxmox-lxcri: the variable PROXMOX_LXCRI_TIMOUT has no effect: there is none of this name; did you mean PROXMOX_LXCRI_TIMEOUT?\n';
    for (const words of [
      ['config', 'show'],
      ['config', 'show', '--json'],
      ['doctor', '--json'],
    ]) {
      // oxlint-disable-next-line no-await-in-loop
      const { exitCode, stderr } = await runCli(words, { env: { PROXMOX_LXCRI_TIMOUT: '5s' } });
      expect([exitCode, stderr.toString()], words.join(' ')).to.deep.equal([0, warning]);
    }
  });

  it('is suggested where it was mistyped; its group alone shows help', async () => {
    for (const [words, says] of [
      [['config', 'shwo'], /no command "config shwo"; did you mean config show\?/],
      [['confg'], /no command "confg"; did you mean config\?/],
      [['config', 'show', '--orgin'], /nonexistent flag: --orgin; did you mean --origin\?/],
      [['config', 'show', '--zzz'], /see: proxmox-lxcri config show --help/],
      [['config', 'show', 'extra'], /unexpected argument: extra; see: proxmox-lxcri config show --help/],
    ] as const) {
      const { exitCode, stderr } = await runCli(words);
      expect([exitCode, stderr.toString()]).to.satisfy(
        ([code, text]: [number, string]) => code === 125 && says.test(text),
      );
    }
    const group = await runCli(['config']);
    expect(group.exitCode).to.equal(0);
    expect(group.stdout.toString()).to.include('config show');
  });
});
