import { expect } from 'chai';

import { parseHookWords } from '../../src/cli/parse-hook.ts';
import type { Word } from '../../src/model/request.ts';
import { usageErrorOf } from './values/usage-error.ts';

const BYTES = Buffer.of(0x2d, 0xff);

describe('the words of hook', () => {
  const CASES: [string, readonly Word[], object][] = [
    [
      'of Proxmox',
      ['--on', 'post-start', '101', 'post-start', '--', 'setup', '-x'],
      { operands: ['101', 'post-start'], command: ['setup', '-x'], flags: new Map([['on', ['post-start']]]) },
    ],
    [
      'of Proxmox, with flags behind its two',
      ['--on=post-start', '--on', 'pre-stop', '101', 'pre-stop', '-u', 'app', '--', 'setup'],
      {
        operands: ['101', 'pre-stop'],
        command: ['setup'],
        flags: new Map([
          ['on', ['post-start', 'pre-stop']],
          ['user', ['app']],
        ]),
      },
    ],
    [
      'of an OCI runtime',
      ['--container-annotation', 'org.example', '--', 'sh', '-c', 'a  b', '--', '', BYTES],
      {
        operands: [],
        command: ['sh', '-c', 'a  b', '--', '', BYTES],
        flags: new Map([['container-annotation', ['org.example']]]),
      },
    ],
    ['without a command', ['101', 'post-start'], { operands: ['101', 'post-start'], command: [], flags: new Map() }],
  ];

  for (const [what, words, expected] of CASES) {
    it(`${what} are split as typed`, () => {
      expect(parseHookWords(words)).to.deep.equal(expected);
    });
  }

  it('are refused where the command does not stand behind "--"', () => {
    const { message, hint } = usageErrorOf(() => parseHookWords(['101', 'post-start', 'setup']));
    expect(message).to.include('"setup"');
    expect(hint).to.include('"--"');
  });

  it('have no flags for terminals and input', () => {
    for (const flag of ['-t', '-T', '--tty', '-i', '--stdin'])
      expect(usageErrorOf(() => parseHookWords([flag, '--', 'a'])).message, flag).to.include('unknown flag');
  });
});
