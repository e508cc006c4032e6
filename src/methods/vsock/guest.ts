import type { Container } from '../../model/container.ts';
import { LxcriError } from '../../model/errors.ts';
import type { RemoteControl } from '../../model/remote.ts';
import { addressText, parseAddress } from '../../vsock/address.ts';
import { awaitAgent } from '../../vsock/agent.ts';
import { guestName } from '../../vsock/failures.ts';
import type { VsockAddress } from '../../model/vsock.ts';

/**
 * The microVM that a reference means; nothing is asked.
 *
 * @param id what stands after `vsock:`.
 * @throws LxcriError UsageError
 */
export function findGuest(id: string): Container {
  const address = parseAddress(id);
  if ('wrong' in address) throw new LxcriError('UsageError', address.wrong, address.hint);
  const name = addressText(address);
  return {
    id: name,
    name,
    platform: 'microvm',
    vsock: {
      address,
      ready: async (waitMs, abort) => void (await awaitAgent(address, waitMs, abort)),
    },
    control: controlOf(address),
  };
}

/** What is known of a microVM is whether its agent answers. */
function controlOf(address: VsockAddress): RemoteControl {
  const status = async (abort?: AbortSignal): Promise<'running'> => {
    await awaitAgent(address, 0, abort ?? new AbortController().signal);
    return 'running';
  };
  const refuse = (): Promise<never> => Promise.reject(notManaged(guestName(address)));
  return {
    status,
    now: async (abort) => ({ status: await status(abort), lock: undefined }),
    start: refuse,
    shutdown: refuse,
    kill: refuse,
    signal: refuse,
  };
}

function notManaged(name: string): LxcriError {
  return new LxcriError(
    'NoMethodAvailable',
    `${name} is only a way into a microVM: it is started and stopped by what manages it`,
    `use its VMM, or systemctl; to shut it down from within: proxmox-lxcri exec ${name} -- poweroff`,
  );
}
