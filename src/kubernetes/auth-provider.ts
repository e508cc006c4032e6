import { LxcriError } from '../model/errors.ts';
import { isHeaderText } from './header-text.ts';
import type { Identity } from './kubeconfig.ts';

/** A token that is good for less than this has expired before it is used (k8s.io/client-go, plugin/pkg/client/auth/oidc). */
const EXPIRY_MARGIN_MS = 10_000;

const PLUGIN = 'use an exec plugin instead (for example kubelogin, gke-gcloud-auth-plugin)';

/**
 * Who a user of a kubeconfig with an `auth-provider` is: the one of `oidc` keeps its token there. To renew that is for
 * `kubectl`: a provider may take each refresh token only once, and the next one has to be written into the kubeconfig.
 *
 * @param provider what the user's entry has under `auth-provider`.
 * @throws LxcriError ConfigError, AuthenticationFailed; none quotes a token.
 */
export function identityByProvider(user: string, provider: unknown, now = Date.now()): Identity {
  const { name, config } = (provider ?? {}) as { name?: unknown; config?: Record<string, unknown> | null };
  const whose = `user ${JSON.stringify(user)} of the kubeconfig`;
  if (name !== 'oidc')
    throw new LxcriError(
      'ConfigError',
      `${whose} has an auth-provider other than oidc, which Kubernetes has given up`,
      PLUGIN,
    );
  const token = config?.['id-token'];
  if (typeof token !== 'string' || !isHeaderText(token))
    throw new LxcriError('AuthenticationFailed', `${whose} has no id-token yet`, `log in, or ${PLUGIN}`);
  const expiry = expiryOf(token);
  if (expiry !== undefined && expiry - EXPIRY_MARGIN_MS <= now)
    throw new LxcriError(
      'AuthenticationFailed',
      `the id-token of ${whose} ${expiry <= now ? 'has expired' : 'expires too soon to be used'} (${new Date(expiry).toISOString()})`,
      `call kubectl once, which renews it there (kubectl auth whoami), or ${PLUGIN}`,
    );
  return { token };
}

/** When a token ends (RFC 7519, 4.1.4); `undefined` where it does not say so. */
function expiryOf(token: string): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp?: unknown };
    return typeof exp === 'number' && Math.abs(exp) < 8.64e12 ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
