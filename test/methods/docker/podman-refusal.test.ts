import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import type { Engine } from '../../../src/model/engine.ts';
import { CommandOutput } from '../../../src/methods/docker/output.ts';
import { refusalOfPodman } from '../../../src/methods/docker/podman-refusal.ts';

const WORDS = 'runc: exec failed: exec: "x": executable file not found in $PATH';
const REFUSED = `Error: ${WORDS}: OCI runtime attempted to invoke a command that was not found\n`;
const ASKED_AT = 1_795_000_000_000;

interface Case {
  readonly said?: string;
  /** Of which stream it is. */
  readonly stream?: number;
  readonly exitCode?: number;
  readonly isHere?: boolean;
  readonly died?: readonly object[];
  readonly started?: readonly object[];
  readonly status?: number;
}

/** What is made of a command that Podman calls ended. */
async function refusalOf(each: Case): Promise<string | undefined> {
  const { said = REFUSED, stream = 2, exitCode = 127, isHere = true, died = [], started = [{}], status = 200 } = each;
  const engine = {
    request: async (_method: string, path: string) => {
      const lines = (path.includes('exec_died') ? died : started).map((event) => `${JSON.stringify(event)}\n`);
      return { status, body: undefined, bytes: Buffer.from(lines.join('')) };
    },
  };
  const source = new PassThrough();
  const output = new CommandOutput(source, {
    framed: true,
    stdout: true,
    stderr: true,
    mayBeReset: false,
    onUnread: () => {},
  });
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, said.length >> 8, said.length & 255]);
  source.end(Buffer.concat([header, Buffer.from(said)]));
  const execution = { engine: engine as unknown as Engine, containerId: 'c1', id: 'e1', askedAt: ASKED_AT, isHere };
  const words = await refusalOfPodman(execution, exitCode, output);
  if (words === undefined) {
    // Nothing of what the command has written is lost.
    let [stdout, stderr] = ['', ''];
    output.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    output.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    output.open();
    expect(await output.ended).to.deep.equal({ kind: 'whole' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(stdout + stderr).to.equal(said);
  }
  return words;
}

function death(attributes: object, atMs = ASKED_AT + 50): object {
  return { timeNano: atMs * 1e6, Actor: { Attributes: attributes } };
}

describe('a command that Podman calls ended', () => {
  it('was never started where Podman says so, and has seen none die', async () => {
    expect(await refusalOf({})).to.equal(WORDS);
    const further = 'Error: read unixpacket @->/proc/self/fd/15/attach: read: connection reset by peer\n';
    expect(await refusalOf({ said: REFUSED + further })).to.equal(WORDS);
    const others = [
      death({ containerExitCode: '3' }),
      death({ containerExitCode: '127' }, ASKED_AT - 1),
      death({ containerExitCode: '127', execID: 'e2' }),
    ];
    expect(await refusalOf({ died: others })).to.equal(WORDS);
  });

  const may: Record<string, Case> = {
    'it has died by its id': { died: [death({ containerExitCode: '0', execID: 'e1' })] },
    'one with its exit code has died': { died: [death({ containerExitCode: '127' })] },
    'one has died without a code': { died: [{}] },
    'one has died before, by a clock that is not ours': {
      isHere: false,
      died: [death({ containerExitCode: '127' }, ASKED_AT - 500)],
    },
    'no events are kept': { started: [] },
    'its events cannot be had': { status: 500 },
    'it has another exit code': { exitCode: 1 },
    'the words are on standard output': { stream: 1 },
    'they are not all': { said: `${REFUSED}more\n` },
    'they are others': { said: 'Error: no such file\n' },
    'it has written much': { said: 'Error: '.repeat(3000) },
  };
  for (const [what, each] of Object.entries(may)) {
    it(`may have been started where ${what}`, async () => {
      expect(await refusalOf(each)).to.equal(undefined);
    });
  }
});
