/** What is made of what the helper says of a command, in which order ever. */
import { expect } from 'chai';

import { ShellCommand } from '../../src/framed/shell-command.ts';

interface Said {
  readonly command: ShellCommand;
  /** What the helper was asked to evaluate. */
  readonly asked: string[];
  say(...lines: string[]): void;
  output(): string;
}

function newCommand(): Said {
  const asked: string[] = [];
  const launch = { execId: 'id', words: ['true'], environment: {}, stdin: false, stdout: true, stderr: true };
  const command = new ShellCommand(launch, 'base64', {
    evaluate: (code) => asked.push(code),
    data: () => {},
    returned: () => Promise.resolve(),
  });
  let output = '';
  command.stdout?.on('data', (chunk: Buffer) => (output += String(chunk)));
  command.stderr?.resume();
  return {
    command,
    asked,
    output: () => output,
    say: (...lines) => {
      for (const line of lines) {
        const [writer = '', kind = '', payload = ''] = line.split(' ');
        command.frame({ command: 1, writer, kind, payload });
      }
    },
  };
}

/** `undefined` while it has not ended. */
async function endOf({ command }: Said): Promise<unknown> {
  return Promise.race([command.ended, new Promise((resolve) => setImmediate(() => resolve(undefined)))]);
}

describe('a command in a shell', () => {
  it('has ended when its exit code, its messages and its output are there', async () => {
    const said = newCommand();
    said.say('C P 12', 'C X 42', 'O D b3V0Cg==', 'M .', 'E .');
    expect(await endOf(said)).to.equal(undefined);
    said.say('O .');
    expect(await said.command.ended).to.deep.equal({ code: 42 });
    expect(said.output()).to.equal('out\n');
  });

  it('is lost when some of its output is, although its exit code is known', async () => {
    const said = newCommand();
    said.say('C X 0', 'M .', 'E .', 'O D b3V0Cg==');
    said.command.lost('gone');
    expect(await said.command.ended).to.deep.equal({ lost: 'gone' });
  });

  it('does not wait for what outlived it and holds its output, which has no end when the terminal is lost then', async () => {
    const said = newCommand();
    let ended = false;
    said.command.stdout?.on('end', () => (ended = true)).on('close', () => (ended = true));
    said.say('C X 7', 'M .', 'E .');
    expect(await said.command.ended).to.deep.equal({ code: 7 });
    said.command.lost('gone');
    await endOf(said);
    expect(ended).to.equal(false);
  });

  it('has ended at once when it was killed, whoever holds its output', async () => {
    const said = newCommand();
    said.say('C P 12');
    const killed = said.command.killTree();
    expect(said.asked).to.deep.equal(['p=12; kill_tree K1']);
    said.say('C X 137', 'M .', 'K1 K 1');
    expect(await endOf(said)).to.deep.equal({ code: 137 });
    expect(await killed).to.equal(true);
  });

  it('knows nothing of its tree without the terminal', async () => {
    const said = newCommand();
    said.say('C P 12');
    const killed = said.command.killTree();
    said.command.lost('gone');
    expect([await killed, await said.command.killTree()]).to.deep.equal([undefined, undefined]);
  });

  it('gets signals as soon as it is known, and none once it has ended', () => {
    const said = newCommand();
    said.command.signal('group', 'SIGTERM');
    expect(said.asked).to.deep.equal([]);
    said.say('C P 12');
    said.command.signal('command', 'SIGUSR1');
    said.say('C X 0');
    said.command.signal('group', 'SIGTERM');
    expect(said.asked).to.deep.equal(['z=12; p=$z; signal TERM', 'kill -s USR1 12']);
  });
});
