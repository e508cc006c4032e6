import { expect } from 'chai';

import { oneLine, refused, wordsOf } from '../../src/docker/failures.ts';
import type { EngineAnswer } from '../../src/model/engine.ts';

function answer(status: number, body: unknown): EngineAnswer {
  return { status, body, bytes: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) };
}

describe('the words of an engine', () => {
  it('are its message, or what came instead', () => {
    expect(wordsOf(answer(404, { message: 'No such container: x' }))).to.equal('No such container: x');
    // Podman has both, and sometimes only the one.
    expect(wordsOf(answer(500, { cause: 'no such process', response: 500 }))).to.equal('no such process');
    expect(wordsOf(answer(502, 'Bad Gateway\n'))).to.equal('Bad Gateway');
    expect(wordsOf({ status: 500, body: undefined, bytes: Buffer.alloc(0) })).to.equal('status 500');
  });

  it('are one line that does nothing to a terminal, and not endless', () => {
    expect(oneLine('a\n\tb\u001b[2J\u009bc\u0000')).to.equal('a b [2J c');
    expect(oneLine('x'.repeat(100_000))).to.have.length(500);
  });

  it('make the error of a refusal', () => {
    const of = (status: number): string[] => {
      const { code, message } = refused(answer(status, { message: 'because' }), 'unix:///s', 'list its containers');
      return [code, message];
    };
    expect(of(403)).to.deep.equal([
      'PermissionDenied',
      'the Docker engine at unix:///s does not let us list its containers: because',
    ]);
    expect(of(401)[0]).to.equal('PermissionDenied');
    expect(of(500)).to.deep.equal([
      'OperationFailed',
      'the Docker engine at unix:///s could not list its containers: because',
    ]);
  });
});
