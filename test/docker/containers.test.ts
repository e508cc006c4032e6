import { expect } from 'chai';

import { findContainer, listContainers } from '../../src/docker/containers.ts';
import type { Engine } from '../../src/model/engine.ts';
import { isLxcriError } from '../../src/model/errors.ts';

function engineThatSays(text: string, status = 200): Engine {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // As of a page of a web server.
  }
  const answer = { status, body, bytes: Buffer.from(text) };
  return {
    name: 'e',
    version: [1, 41],
    request: () => Promise.resolve(answer),
    upgrade: () => Promise.resolve(answer),
    warmUp() {},
    close() {},
  };
}

async function codeOf(question: Promise<unknown>): Promise<string> {
  const error = await question.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isLxcriError(error) ? error.code : String(error);
}

describe('an engine that answers what it should not', () => {
  const ID = 'a'.repeat(64);
  const known = { Id: ID, Name: '/web', State: { Status: 'running', Pid: 0 }, Config: { User: '', Env: ['A=b'] } };
  const NONSENSE = ['{}', 'null', '"x"', '5', '<html>hello</html>', '', '[1]', '[null]', '[{"Id":5}]'];

  it('is no engine to us', async () => {
    const wrong = [
      ...NONSENSE,
      '[]',
      JSON.stringify({ ...known, State: 'running' }),
      JSON.stringify({ ...known, Config: { Env: 'A=b' } }),
      JSON.stringify({ ...known, Id: '../version' }),
    ];
    for (const text of wrong) {
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      expect(await codeOf(findContainer(engineThatSays(text), 'web')), text).to.equal('PlatformUnreachable');
    }
    const listed = { Id: ID, Names: ['/web'], State: 'running' };
    for (const text of [
      ...NONSENSE,
      JSON.stringify([{ ...listed, State: {} }]),
      JSON.stringify([{ ...listed, Names: [1] }]),
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one answer after the other
      expect(await codeOf(listContainers(engineThatSays(text))), text).to.equal('PlatformUnreachable');
    }
  });

  it('is told from one that has no such container', async () => {
    const page = engineThatSays('<h1>Not Found</h1>', 404);
    expect(await codeOf(findContainer(page, 'web'))).to.equal('PlatformUnreachable');
    const engine = engineThatSays('{"message":"No such container: web"}', 404);
    expect(await codeOf(findContainer(engine, 'web'))).to.equal('ContainerNotFound');
  });

  it('may leave out what a container does not have', async () => {
    const plain = { ...known, Config: { Env: null } };
    const { id, name, docker } = await findContainer(engineThatSays(JSON.stringify(plain)), 'web');
    expect([id, name, docker?.user, docker?.env]).to.deep.equal([ID, 'web', '', []]);
    const [first] = await listContainers(engineThatSays(JSON.stringify([{ Id: ID, Names: null, State: 'exited' }])));
    expect([first?.name, first?.status]).to.deep.equal([ID.slice(0, 12), 'stopped']);
  });
});
