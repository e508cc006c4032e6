import { LxcriError, isLxcriError } from '../model/errors.ts';
import { connectTrusted, isDistrust, seenFingerprint, shownAddress } from '../proxmox/api/trust.ts';
import type { Asker } from '../terminal/prompt.ts';
import { endpointsOf } from './client.ts';
import type { Host } from './context.ts';

const TIMEOUT_MS = 10_000;

/** What became of a host: it proved who it is, as it is here; or it did not answer. */
export interface TrustedHost {
  readonly host: Host;
  readonly failure: LxcriError | undefined;
}

/**
 * Makes sure that a server proves who it is. Where it does not, somebody at the terminal may pin its certificate, as with
 * a host key of ssh.
 *
 * @throws LxcriError `PlatformUnreachable` for one that is not trusted, with the fingerprint that was seen.
 */
export async function trustedHost(
  host: Host,
  caFile: string | undefined,
  ask: Asker | undefined,
): Promise<TrustedHost> {
  const [endpoint] = endpointsOf({ hosts: [host], caFile });
  let failure: LxcriError;
  try {
    (await connectTrusted(endpoint, TIMEOUT_MS)).destroy();
    return { host, failure: undefined };
  } catch (error) {
    if (!isLxcriError(error)) throw error;
    failure = error;
  }
  const { fingerprint: pin } = host;
  if (!isDistrust(failure)) return { host, failure };
  const seen = await seenFingerprint(host, TIMEOUT_MS);
  const address = shownAddress(host);
  if (ask === undefined) {
    throw new LxcriError(
      'PlatformUnreachable',
      failure.message.replace(/: its fingerprint is .*/, ''),
      `compare it with what pvenode cert info says on the node; if its SHA-256 fingerprint is the same: --fingerprint ${seen}`,
    );
  }
  if (pin === undefined) {
    ask.tell(`The certificate of ${address} is not vouched for by any authority that is trusted here.`);
  } else {
    ask.tell(`THE CERTIFICATE OF ${address} IS NOT THE ONE THAT WAS PINNED. It may have been renewed,`);
    ask.tell('or somebody else answers in the place of the server.');
    ask.tell(`Pinned: ${pin}`);
  }
  ask.tell(`SHA-256 fingerprint: ${seen}`);
  ask.tell('On the node, pvenode cert info shows it.');
  if (await ask.confirm('Trust this certificate from now on?'))
    return { host: { ...host, fingerprint: seen }, failure: undefined };
  throw new LxcriError('PlatformUnreachable', `the certificate of ${address} was not trusted`, 'nothing was sent');
}
