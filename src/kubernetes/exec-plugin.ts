/** Credentials that a program gives (client.authentication.k8s.io; k8s.io/client-go, plugin/pkg/client/auth/exec). */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { dirname, isAbsolute, resolve } from 'node:path';
import { isatty } from 'node:tty';

import { LxcriError } from '../model/errors.ts';
import { isHeaderText } from './header-text.ts';
import type { Identity } from './kubeconfig.ts';
import { oneLine } from './status.ts';

/** How long a program may take that nobody at a terminal talks to. */
const LIMIT_MS = 60_000;

/** How long one may take to end that is asked to. */
const END_GRACE_MS = 1000;

/** The most that is read of what it says. */
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_COMPLAINT_CHARACTERS = 10_000;

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/** The user of a kubeconfig whose program is run. */
export interface PluginUser {
  readonly name: string;
  /** What its entry has under `exec`. */
  readonly exec: unknown;
  /** The kubeconfig: paths begin in its directory. */
  readonly file: string;
  /** What the program is told of the cluster, where it wants that. */
  readonly cluster: Readonly<Record<string, unknown>>;
}

/** A program, ready to be run. */
interface Plugin {
  readonly user: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  /** Whether it is given our terminal. */
  readonly isInteractive: boolean;
  readonly installHint: string;
}

/**
 * Runs a user's program and reads who the user is. The program gets no input, but at a terminal where it needs one, and is
 * ended with all of its process group when it takes longer than a minute, or by `abort`.
 *
 * @param env what the program's environment begins with.
 * @throws LxcriError ConfigError, AuthenticationFailed; the reason of `abort`. None quotes what the program gave.
 */
export async function identityByPlugin(
  user: PluginUser,
  env: NodeJS.ProcessEnv,
  abort: AbortSignal | undefined,
): Promise<Identity> {
  const plugin = pluginOf(user, env);
  abort?.throwIfAborted();
  return identityIn(await outputOf(plugin, abort), plugin);
}

function pluginOf({ name, exec, file, cluster }: PluginUser, env: NodeJS.ProcessEnv): Plugin {
  const wrong = (what: string): LxcriError =>
    new LxcriError('ConfigError', `${file}: exec of user ${JSON.stringify(name)} ${what}`, 'see: kubectl config view');
  if (!isRecord(exec)) throw wrong('is no program');
  const { command, args = [], env: further = [], apiVersion, interactiveMode, provideClusterInfo, installHint } = exec;
  if (typeof command !== 'string' || command === '') throw wrong('names no command');
  if (typeof apiVersion !== 'string' || !VERSIONS.includes(apiVersion))
    throw wrong(`has an apiVersion that is none of ${VERSIONS.join(', ')}`);
  // null is as good as absent, as in Go.
  const [words, variables] = [args ?? [], further ?? []];
  if (!Array.isArray(words)) throw wrong('has args that are no list');
  if (!Array.isArray(variables)) throw wrong('has an env that is no list');
  const needsTerminal = interactiveMode === 'Always';
  if (needsTerminal && !isatty(0))
    throw new LxcriError(
      'AuthenticationFailed',
      `the program ${JSON.stringify(command)} of user ${JSON.stringify(name)} of the kubeconfig needs a terminal as standard input`,
      'call it at a terminal, or choose another interactiveMode',
    );
  const spec = { interactive: needsTerminal, ...(provideClusterInfo === true ? { cluster } : {}) };
  const own = (variables as unknown[]).map((each) => {
    const { name: key, value = '' } = isRecord(each) ? each : {};
    if (typeof key !== 'string' || typeof value !== 'string') throw wrong('has an entry of env that is no variable');
    return [key, value] as const;
  });
  return {
    user: name,
    command: command.includes('/') && !isAbsolute(command) ? resolve(dirname(file), command) : command,
    args: words.map(String),
    env: {
      ...env,
      ...Object.fromEntries(own),
      KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec }),
    },
    version: apiVersion,
    isInteractive: needsTerminal,
    installHint: oneLine(installHint),
  };
}

/** Runs it to its end, and not beyond ours. */
function outputOf(plugin: Plugin, abort: AbortSignal | undefined): Promise<string> {
  const { command, args, env, isInteractive, installHint } = plugin;
  return new Promise((done, reject) => {
    let child: ChildProcess;
    const notRun = ({ code = 'unknown' }: NodeJS.ErrnoException): void =>
      reject(failed(plugin, `cannot be run (${code})`, installHint || 'install it, or name it with its path'));
    try {
      child = spawn(command, args, {
        env,
        stdio: [isInteractive ? 'inherit' : 'ignore', 'pipe', isInteractive ? 'inherit' : 'pipe'],
        // A terminal is only for those in our own process group.
        detached: !isInteractive,
      });
    } catch (error) {
      return notRun(error as NodeJS.ErrnoException);
    }
    let why: Error | undefined;
    let force: NodeJS.Timeout | undefined;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    const signal = (name: 'SIGTERM' | 'SIGKILL'): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(isInteractive ? child.pid : -child.pid, name);
      } catch {
        // It has ended already.
      }
    };
    const end = (reason: Error): void => {
      if (why !== undefined) return;
      why = reason;
      signal('SIGTERM');
      force = setTimeout(() => signal('SIGKILL'), END_GRACE_MS);
    };
    const late = isInteractive
      ? undefined
      : setTimeout(
          () => end(failed(plugin, `did not end within ${LIMIT_MS / 1000} s${said(complaint)}`, SEE)),
          LIMIT_MS,
        );
    const aborted = (): void => end(abort?.reason as Error);
    abort?.addEventListener('abort', aborted);
    const settle = (finish: () => void): void => {
      clearTimeout(late);
      clearTimeout(force);
      abort?.removeEventListener('abort', aborted);
      finish();
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) return end(noCredential(plugin));
      chunks.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(0, MAX_COMPLAINT_CHARACTERS);
    });
    child.on('error', (error) => settle(() => notRun(error)));
    child.on('exit', () => {
      if (why === undefined) return;
      const reason = why;
      // What it has started itself may not have heard.
      if (!isInteractive) signal('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      settle(() => reject(reason));
    });
    child.on('close', (code, killedBy) =>
      settle(() => {
        if (code === 0) return done(Buffer.concat(chunks).toString());
        const how = code === null ? `was ended by ${killedBy ?? 'a signal'}` : `ended with exit code ${code}`;
        reject(failed(plugin, `${how}${said(complaint)}`, SEE));
      }),
    );
  });
}

function identityIn(text: string, plugin: Plugin): Identity {
  let credential: unknown;
  try {
    credential = JSON.parse(text);
  } catch {
    // The parser's own words quote what it did not understand.
  }
  if (!isRecord(credential) || credential['kind'] !== 'ExecCredential' || !isRecord(credential['status']))
    throw noCredential(plugin);
  if (credential['apiVersion'] !== plugin.version)
    throw failed(
      plugin,
      `gives another apiVersion than ${plugin.version}`,
      'make apiVersion in the kubeconfig its own',
    );
  const { token, clientCertificateData: cert, clientKeyData: key } = credential['status'];
  const has = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (has(cert) !== has(key)) throw failed(plugin, 'gives one of a certificate and its key without the other', SEE);
  if (!has(token) && !has(cert)) throw failed(plugin, 'gives neither a token nor a certificate', SEE);
  if (has(token) && !isHeaderText(token)) throw failed(plugin, 'gives a token with characters that no token has', SEE);
  return {
    token: has(token) ? token : undefined,
    cert: has(cert) ? cert : undefined,
    key: has(key) ? key : undefined,
  };
}

const SEE = 'see what kubectl says to: kubectl auth whoami';

function said(complaint: string): string {
  const words = oneLine(complaint);
  return words === '' ? '' : `: ${words}`;
}

function noCredential(plugin: Plugin): LxcriError {
  return failed(plugin, 'runs, but its output is no ExecCredential', SEE);
}

function failed({ command, user }: Plugin, what: string, hint: string): LxcriError {
  return new LxcriError(
    'AuthenticationFailed',
    `the program ${JSON.stringify(command)} of user ${JSON.stringify(user)} of the kubeconfig ${what}`,
    hint,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
