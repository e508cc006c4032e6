/**
 * Credentials that a program or an identity provider gives, by the official client. A bundle of its own: to load it takes
 * longer than all else.
 */
import type { RequestOptions } from 'node:https';
import { isAbsolute, resolve } from 'node:path';

import { KubeConfig } from '@kubernetes/client-node';

import { LxcriError } from '../model/errors.ts';
import type { Identity } from './kubeconfig.ts';
import { oneLine } from './status.ts';

interface Entry {
  readonly name: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * Who a user of a kubeconfig is to the cluster.
 *
 * @param user with the directory of the file, where paths begin.
 * @throws LxcriError AuthenticationFailed where there is nothing to be had.
 */
export async function identityByClient(user: Entry & { directory: string }, cluster: Entry): Promise<Identity> {
  const { exec } = user.value;
  const value = isRecord(exec) ? { ...user.value, exec: program(exec, user.directory) } : user.value;
  const config = new KubeConfig();
  const context = 'context';
  config.loadFromString(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: cluster.name, cluster: { server: cluster.value['server'] } }],
      users: [{ name: user.name, user: value }],
      contexts: [{ name: context, context: { cluster: cluster.name, user: user.name } }],
      'current-context': context,
    }),
  );
  config.makePathsAbsolute(user.directory);
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw new LxcriError(
      'AuthenticationFailed',
      `no credentials for user ${JSON.stringify(user.name)} of the kubeconfig: ${oneLine(error instanceof Error ? error.message : String(error)) || 'it does not say why'}`,
      'see what kubectl says to: kubectl auth whoami',
    );
  }
  const header = (options.headers as Record<string, string> | undefined)?.['Authorization'];
  const token = header?.startsWith('Bearer ') === true ? header.slice('Bearer '.length) : undefined;
  const [cert, key] = [pemOf(options.cert), pemOf(options.key)];
  if (token === undefined && cert === undefined)
    throw new LxcriError(
      'AuthenticationFailed',
      `the program or provider of user ${JSON.stringify(user.name)} of the kubeconfig gives neither a token nor a certificate`,
      'see what kubectl says to: kubectl auth whoami',
    );
  return { token, cert, key };
}

/** What kubectl tells such a program, and where it looks for it (k8s.io/client-go, plugin/pkg/client/auth/exec). */
function program(exec: Record<string, unknown>, directory: string): Record<string, unknown> {
  const { command, env, apiVersion } = exec;
  const isPath = typeof command === 'string' && command.includes('/') && !isAbsolute(command);
  const info = { kind: 'ExecCredential', apiVersion, spec: { interactive: false } };
  return {
    ...exec,
    command: isPath ? resolve(directory, command) : command,
    env: [...(Array.isArray(env) ? env : []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }],
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function pemOf(value: RequestOptions['cert'] | RequestOptions['key']): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return Buffer.isBuffer(value) ? value.toString() : undefined;
}
