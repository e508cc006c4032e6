import { expect } from 'chai';

import { EXEC_FLAGS, HOOK_FLAGS } from '../../src/cli/flags.ts';
import type { FlagSpec } from '../../src/cli/flags.ts';
import { AVAILABLE_METHODS } from '../../src/methods/registry.ts';

const SPECS: readonly FlagSpec[] = EXEC_FLAGS;

describe('the flags of exec', () => {
  it('are those of the contract', () => {
    const shown = SPECS.map(
      ({ name, char, value }) =>
        `${char === undefined ? '' : `-${char} `}--${name}${value === undefined ? '' : ` ${value}`}`,
    );
    expect(shown).to.have.members([
      '-t --tty',
      '-T --no-tty',
      '-i --stdin',
      '--no-stdin',
      '-e --env KEY=VALUE',
      '--env-file FILE',
      '-w --workdir DIR',
      '-u --user USER[:GROUP]',
      '--privileged',
      '--timeout DURATION',
      '--kill-after DURATION',
      '--wait-for-agent DURATION',
      '-d --detach',
      '--method A[,B]',
      '-n --namespace NS',
      '--task POD',
      '--container NAME',
      '--context NAME',
      '--node NODE',
      '--lock NAME',
      '--if-locked wait|skip|fail',
      '--lock-timeout DURATION',
      '--only-on-failure',
      '--json',
      '--max-output SIZE',
      '-q --quiet',
      '-v --verbose',
      '-h --help',
    ]);
    expect(SPECS.flatMap(({ aliases = [] }) => aliases)).to.deep.equal(['cwd', 'tasks', 'containers', 'cts']);
    const repeatable = SPECS.filter(({ multiple }) => multiple).map(({ name }) => name);
    expect(repeatable).to.deep.equal(['env', 'env-file', 'task', 'container']);
  });

  it('name every method that --method takes; the one of the API stands for its routes', () => {
    const summary = SPECS.find(({ name }) => name === 'method')?.summary ?? '';
    const named = summary.split(/[:,] /);
    expect(named).to.include.members(AVAILABLE_METHODS.filter((name) => name !== 'proxmox-api'));
  });

  it('have names, aliases and letters of their own', () => {
    const names = SPECS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    const letters = SPECS.map(({ char }) => char).filter((char) => char !== undefined);
    expect(new Set(names).size).to.equal(names.length);
    expect(new Set(letters).size).to.equal(letters.length);
    expect(letters.filter((char) => !/^[A-Za-z]$/.test(char))).to.deep.equal([]);
  });
});

describe('the flags of hook', () => {
  it('are its own, and those of exec that need no terminal and no input', () => {
    const names = HOOK_FLAGS.map(({ name }) => name);
    expect(names).to.have.members([
      'on',
      'container-annotation',
      'env',
      'env-file',
      'workdir',
      'user',
      'privileged',
      'timeout',
      'kill-after',
      'method',
      'node',
      'json',
      'max-output',
      'quiet',
      'verbose',
      'help',
    ]);
    expect(new Set(names).size).to.equal(names.length);
  });

  it('are the very same as those of exec, but for what is said of flags that hook has not', () => {
    for (const spec of HOOK_FLAGS.slice(2)) {
      if (spec.name !== 'max-output') expect(SPECS).to.include(spec);
      expect(spec.summary).not.to.match(/--(detach|only-on-failure|lock)/);
    }
    const [ours, theirs] = [HOOK_FLAGS, SPECS].map((specs) => specs.find(({ name }) => name === 'max-output'));
    expect({ ...ours, summary: '' }).to.deep.equal({ ...theirs, summary: '' });
  });
});
