/**
 * Credentials that an identity provider gives, by the official client. A bundle of its own: to load it takes
 * longer than all else.
 */
import type { RequestOptions } from 'node:https';

import { KubeConfig } from '@kubernetes/client-node';

import { LxcriError } from '../model/errors.ts';
import { isHeaderText } from './header-text.ts';
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
export async function identityByProvider(user: Entry & { directory: string }, cluster: Entry): Promise<Identity> {
  const { 'auth-provider': provider } = user.value;
  if ((provider as { name?: unknown } | null | undefined)?.name !== 'oidc')
    throw new LxcriError(
      'ConfigError',
      `user ${JSON.stringify(user.name)} of the kubeconfig has an auth-provider other than oidc, which Kubernetes has given up`,
      'use its exec plugin (for example kubelogin, gke-gcloud-auth-plugin)',
    );
  const config = new KubeConfig();
  const context = 'context';
  config.loadFromString(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: cluster.name, cluster: { server: cluster.value['server'] } }],
      users: [{ name: user.name, user: { 'auth-provider': provider } }],
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
  const token = header?.startsWith('Bearer ') === true ? header.slice('Bearer '.length) : '';
  if (!isHeaderText(token))
    throw new LxcriError(
      'AuthenticationFailed',
      `the provider of user ${JSON.stringify(user.name)} of the kubeconfig gives no token`,
      'see what kubectl says to: kubectl auth whoami',
    );
  return { token };
}
