/** What completion finds of an engine of Docker, and what it does not start for it. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { runCli } from '../methods/contract/cli.ts';
import { scratchDirectory } from '../support/scratch.ts';

describe('completion of the containers of an engine on another host', () => {
  it('starts no ssh', async () => {
    const directory = scratchDirectory();
    const ran = join(directory, 'ran');
    const ssh = join(directory, 'ssh');
    writeFileSync(ssh, `#!/bin/sh\necho "$@" >>${ran}\n`);
    chmodSync(ssh, 0o755);
    const meta = join(directory, 'contexts/meta', createHash('sha256').update('away').digest('hex'));
    mkdirSync(meta, { recursive: true });
    const context = { Name: 'away', Endpoints: { docker: { Host: 'ssh://root@elsewhere.invalid' } } };
    writeFileSync(join(meta, 'meta.json'), JSON.stringify(context));
    for (const chosen of [
      { DOCKER_HOST: 'ssh://root@elsewhere.invalid' },
      { DOCKER_CONFIG: directory, DOCKER_CONTEXT: 'away' },
    ]) {
      const env = { PROXMOX_LXCRI_CONTEXTS: '/dev/null', PATH: `${directory}:${process.env['PATH']}`, ...chosen };
      const done = await runCli(['__complete', 'containers', 'docker:', '', ''], { env });
      expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).to.deep.equal([0, '', '']);
      expect(existsSync(ran)).to.equal(false);
      // The command itself does: what is looked for would be seen.
      await runCli(['exec', 'docker:web', '--', 'true'], { env });
      expect(existsSync(ran)).to.equal(true);
      rmSync(ran);
    }
  });
});
