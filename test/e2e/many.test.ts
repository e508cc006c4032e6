/** The words that name several containers, as the built CLI takes them; what they do in pods is shown elsewhere. */
import { expect } from 'chai';

import type { ExecResult } from '../../src/model/result.ts';
import { runCli } from '../methods/contract/cli.ts';
import { schemaErrors } from '../model/schema.ts';

describe('the words for several containers', () => {
  const TWO = ['-n', 'shop', '--task', 'web-0', '--task', 'web-1'];

  const REFUSED: [string, string[], RegExp][] = [
    [
      'a terminal',
      [...TWO, '-it', '--', 'sh'],
      /UsageError: --tty is for one container, and these words name 2: .+; leave/,
    ],
    ['standard input', [...TWO, '-i', '--', 'cat'], /UsageError: --stdin is for one container, .*; leave it out/],
    ['--detach', [...TWO, '-d', '--', 'ls'], /UsageError: --detach is for one container/],
    [
      'two containers of one pod with --detach',
      ['k8s:shop/web-0', '--cts', 'a', '--cts', 'b', '-d', '--', 'ls'],
      /UsageError: --detach is for one container/,
    ],
    ['a command without "--"', ['--task', 'web-0', 'ls', '/'], /UsageError: "ls" is none of Kubernetes.* write "--"/],
    ['another platform', ['lxc:web', '--task', 'web-0', '--', 'ls'], /UsageError: "lxc:web" is none of Kubernetes/],
    ['a container without a pod', ['--container', 'a', '--', 'ls'], /MissingContainerId: no pod was named.*--task/],
    ['a name that none can have', ['--task', 'Web/0', '--', 'ls'], /UsageError: "Web\/0" cannot be the name of a pod/],
    ['no command', [...TWO, '--'], /MissingCommand: .*exec -it --namespace shop --task web-1; else/],
  ];
  for (const [what, words, expected] of REFUSED)
    it(`are refused with ${what}`, async () => {
      const { exitCode, stdout, stderr } = await runCli(['exec', ...words]);
      expect([exitCode, stdout.toString()]).to.deep.equal([125, '']);
      expect(stderr.toString()).to.match(expected);
      expect(stderr.toString().split('\n')).to.have.length(2);
    });

  it('are refused with --json in the form of an ordinary result', async () => {
    const { exitCode, stdout, stderr } = await runCli(['exec', ...TWO, '-t', '--json', '--', 'ls']);
    const document = JSON.parse(stdout.toString()) as ExecResult;
    expect(schemaErrors(document)).to.deep.equal([]);
    expect([exitCode, document.exitCode, document.error?.code]).to.deep.equal([125, 125, 'UsageError']);
    expect(stderr.toString()).to.equal('');
  });

  it('are in the help', async () => {
    const { exitCode, stdout } = await runCli(['exec', '--help']);
    expect(exitCode).to.equal(0);
    for (const part of ['--task=POD', '--container=NAME', '-n, --namespace=NS'])
      expect(stdout.toString()).to.contain(part);
  });
});
