import { expect } from 'chai';

import { EXEC_GRAMMAR } from '../../src/cli/parse-exec.ts';
import { HOOK_GRAMMAR } from '../../src/cli/parse-hook.ts';
import { UnknownFlagError } from '../../src/cli/parse-words.ts';
import { withSuggestion } from '../../src/cli/suggest.ts';

function hintFor(typed: string): string | undefined {
  return withSuggestion(new UnknownFlagError(`--${typed}`, typed, EXEC_GRAMMAR)).hint;
}

describe('the suggestion for an unknown flag', () => {
  it('is the one that was probably meant', () => {
    for (const [typed, meant] of [
      ['ttyy', 'tty'],
      ['timout', 'timeout'],
      ['work-dir', 'workdir'],
      ['jsn', 'json'],
      ['notty', 'no-tty'],
    ] as const) {
      expect(hintFor(typed), typed).to.equal(`did you mean --${meant}?`);
    }
  });

  it('is left out where nothing is like it', () => {
    for (const typed of ['x', 'follow', 'publish', '']) {
      expect(hintFor(typed), typed).to.include('proxmox-lxcri exec --help').and.not.to.include('did you mean');
    }
  });

  it('is one that the verb has', () => {
    const hintOfHook = (typed: string) => withSuggestion(new UnknownFlagError(`--${typed}`, typed, HOOK_GRAMMAR)).hint;
    expect(hintOfHook('container-anotation')).to.equal('did you mean --container-annotation?');
    expect(hintOfHook('detach')).to.include('proxmox-lxcri hook --help').and.not.to.include('did you mean');
    expect(hintFor('container-anotation')).not.to.include('annotation');
  });

  it('keeps the code and the message', () => {
    const error = withSuggestion(new UnknownFlagError('--timout', 'timout', EXEC_GRAMMAR));
    expect([error.code, error.message]).to.deep.equal(['UsageError', 'unknown flag "--timout"']);
  });
});
