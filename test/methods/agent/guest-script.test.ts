import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect } from 'chai';

import { LET_GO } from '../../../src/methods/agent/guest-script.ts';
import { controlWords } from '../../../src/methods/agent/words.ts';
import { newExecutionId } from '../../../src/oci/new-result.ts';

/** No process has it. */
const NO_PID = 0;

/** What CONTROL_SCRIPT prints when it looks after a command that has ended; it fails unless it exits with 0. */
function look(id: string): string {
  const [program = '', ...words] = controlWords('LOOK', NO_PID, id);
  return execFileSync(program, words, { encoding: 'utf8' });
}

describe('the script that looks after a command in a guest', () => {
  it('says nothing when nothing holds the output', () => {
    expect(look(newExecutionId())).to.equal('');
  });

  it('says so when it lets go of output that is held', async () => {
    const id = newExecutionId();
    const env = { PATH: process.env['PATH'], PROXMOX_LXCRI_RELAY_ID: id };
    const relay = spawn('/bin/sh', ['-c', 'echo ready; exec cat'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(relay.stdout, 'data');
      const ended = once(relay, 'exit');
      expect(look(id)).to.equal(`${LET_GO}\n`);
      expect(await ended).to.deep.equal([null, 'SIGKILL']);
    } finally {
      relay.kill('SIGKILL');
    }
  });
});
