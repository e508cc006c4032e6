import { expect } from 'chai';

import { runModule } from './module.ts';

const NOBODY = 65_534;

describe('hook for a caller who is not root', () => {
  function hook(...words: string[]) {
    const code = `process.seteuid(${NOBODY}); process.exitCode = await module.runHook(process.argv.slice(1), () => 0);`;
    return runModule('cli/run-hook.ts', code, words);
  }

  it('is refused with the command that works, and what that does to the guest', () => {
    const { status, stderr } = hook('--on', 'post-start', '-e', 'KEY=secret', '101', 'post-start', '--', 'true');
    expect(status).to.equal(125);
    expect(stderr).to.equal(
      'proxmox-lxcri: PermissionDenied: hook post-start of 101: commands in containers are run as root; ' +
        'run: sudo proxmox-lxcri hook --on post-start -e KEY=... 101 post-start -- true; the guest keeps running\n',
    );
  });

  it('does nothing all the same in a phase that was not asked for', () => {
    const { status, stdout, stderr } = hook('--on', 'post-start', '101', 'pre-start', '--', 'true');
    expect([status, stdout, stderr]).to.deep.equal([0, '', '']);
  });

  it('shows its help without a command or a phase', () => {
    expect(hook('--help').status).to.equal(0);
  });
});
