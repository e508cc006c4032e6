import { expect } from 'chai';

import type { Container as Target } from '../../src/model/container.ts';
import type { LxcriError } from '../../src/model/errors.ts';
import { validateRunning } from '../../src/oci/validate.ts';
import { startContainer } from '../support/lxc.ts';
import type { Container } from '../support/lxc.ts';

async function errorOf(target: Target): Promise<LxcriError> {
  return validateRunning(target).then(
    () => {
      throw new Error(`${target.id} is valid`);
    },
    (error: unknown) => error as LxcriError,
  );
}

describe('validating a container', () => {
  let container: Container;
  let plain: Target;
  let proxmox: Target;

  before(async () => {
    container = await startContainer({ kind: 'busybox' });
    const { name, lxcpath } = container;
    plain = { id: name, name, platform: 'lxc', lxc: { name, lxcpath } };
    proxmox = { id: '101', name: 'web', platform: 'proxmox', node: 'pve1', lxc: { name, lxcpath } };
  });

  after(() => container.destroy());

  it('lets a running one pass, in about a millisecond and without a process', async () => {
    await validateRunning(plain);
    const rounds = 20;
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    for (let round = 0; round < rounds; round++) await validateRunning(plain);
    const usage = process.resourceUsage();
    expect((usage.userCPUTime - userCPUTime + usage.systemCPUTime - systemCPUTime) / rounds / 1000).to.be.below(10);
  });

  it('refuses one that is being copied, moved or replaced, and names the lock', async () => {
    for (const lock of ['backup', 'create', 'destroyed', 'migrate', 'rollback']) {
      const error = await errorOf({ ...proxmox, lock });
      expect(error.code).to.equal('ContainerLocked');
      expect(error.message).to.include(`101 (web) is locked (${lock})`);
      expect(error.hint).to.include('pct unlock 101');
    }
  });

  it('lets every lock pass for whom its holder waits for, and nothing else', async () => {
    await validateRunning({ ...proxmox, lock: 'backup' }, true);
    await container.freeze();
    try {
      const refused = validateRunning({ ...proxmox, lock: 'backup' }, true).catch((error: LxcriError) => error.code);
      expect(await refused).to.equal('ContainerFrozen');
    } finally {
      await container.unfreeze();
    }
  });

  it('lets locks pass that do not concern what runs', async () => {
    for (const lock of ['snapshot', 'snapshot-delete', 'fstrim', 'mounted', 'disk'])
      await validateRunning({ ...proxmox, lock });
  });

  it('refuses a frozen one, with the command that thaws it', async () => {
    await container.freeze();
    try {
      const [asPlain, asProxmox] = [await errorOf(plain), await errorOf(proxmox)];
      expect([asPlain.code, asProxmox.code]).to.deep.equal(['ContainerFrozen', 'ContainerFrozen']);
      expect(asPlain.hint).to.equal(`thaw it with: lxc-unfreeze -P ${container.lxcpath} -n ${container.name}`);
      expect(asProxmox.hint).to.equal('thaw it with: pct resume 101');
    } finally {
      await container.unfreeze();
    }
    await validateRunning(plain);
  });

  it('refuses a stopped one, with the command that starts it', async () => {
    await container.stop();
    try {
      const [asPlain, asProxmox] = [await errorOf(plain), await errorOf(proxmox)];
      expect([asPlain.code, asProxmox.code]).to.deep.equal(['ContainerNotRunning', 'ContainerNotRunning']);
      expect(asPlain.message).to.equal(`container ${container.name} is not running (stopped)`);
      expect(asPlain.hint).to.equal(`start it with: proxmox-lxcri start ${container.name}`);
      expect(asProxmox.hint).to.equal('start it with: proxmox-lxcri start 101');
    } finally {
      await container.start();
    }
  });

  it('has nothing to say of a container that is not on this host', async () => {
    await validateRunning({ id: '202', name: 'away', platform: 'proxmox', node: 'pve2' });
  });
});
