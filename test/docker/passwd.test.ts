import { expect } from 'chai';

import { firstEntry, passwdEntry } from '../../src/docker/passwd.ts';
import type { Engine, EngineAnswer } from '../../src/model/engine.ts';
import { run } from '../support/run.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/ash',
  'web:x:1000:1000::/srv:/bin/sh',
  'evil\u001b[31m:x:1001:1001::/:/bin/sh',
  'bad:x:1002:1002::/:/bin/\u0007sh',
  'short:x:1003',
  '',
].join('\n');

/** An archive of one entry, as tar makes them (POSIX, ustar). */
function archiveOf(entry: { text: string } | { link: string } | { type: string }): Buffer {
  const header = Buffer.alloc(512);
  const text = 'text' in entry ? Buffer.from(entry.text) : Buffer.alloc(0);
  header.write('passwd', 0);
  header.write(`${text.length.toString(8).padStart(11, '0')} `, 124);
  header.write('type' in entry ? entry.type : 'link' in entry ? '2' : '0', 156);
  if ('link' in entry) header.write(entry.link, 157);
  return Buffer.concat([header, text, Buffer.alloc(1024)]);
}

/** An engine that has these files in its container. */
function engineWith(files: Record<string, Buffer>): Engine {
  const request = (_method: string, path: string): Promise<EngineAnswer> => {
    const file = /^\/containers\/c\/archive\?path=(.*)$/.exec(path)?.[1];
    const bytes = file === undefined ? undefined : files[decodeURIComponent(file)];
    const none: EngineAnswer = { status: 404, body: { message: 'no such file' }, bytes: Buffer.alloc(0) };
    return Promise.resolve(bytes === undefined ? none : { status: 200, body: undefined, bytes });
  };
  return { name: 'e', version: [1, 41], request, upgrade: () => Promise.reject(new Error()), warmUp() {}, close() {} };
}

describe('a user in the file of a container', () => {
  const engine = engineWith({ '/etc/passwd': archiveOf({ text: PASSWD }) });

  it('is found by name and by number, with the shell', async () => {
    expect(await passwdEntry(engine, 'c', 'web')).to.deep.equal({ name: 'web', shell: '/bin/sh' });
    expect(await passwdEntry(engine, 'c', '0')).to.deep.equal({ name: 'root', shell: '/bin/ash' });
    expect(await passwdEntry(engine, 'c', 'short')).to.deep.equal({ name: 'short', shell: '' });
    expect(await passwdEntry(engine, 'c', 'nobody')).to.equal(undefined);
    expect(await passwdEntry(engine, 'c', '')).to.equal(undefined);
  });

  it('is none whose line could act on a terminal', async () => {
    expect(await passwdEntry(engine, 'c', '1001')).to.equal(undefined);
    expect(await passwdEntry(engine, 'c', 'bad')).to.equal(undefined);
  });

  it('is found where a link leads, but not round and round', async () => {
    const web = archiveOf({ text: PASSWD });
    const linked = engineWith({
      '/etc/passwd': archiveOf({ link: 'other' }),
      '/etc/other': archiveOf({ link: '/usr/lib/passwd' }),
      '/usr/lib/passwd': web,
    });
    expect((await passwdEntry(linked, 'c', 'web'))?.name).to.equal('web');
    const round = engineWith({ '/etc/passwd': archiveOf({ link: '/etc/passwd' }) });
    expect(await passwdEntry(round, 'c', 'web')).to.equal(undefined);
  });

  it('is none where there is no such file', async () => {
    expect(await passwdEntry(engineWith({}), 'c', 'web')).to.equal(undefined);
    const directory = engineWith({ '/etc/passwd': archiveOf({ type: '5' }) });
    expect(await passwdEntry(directory, 'c', 'web')).to.equal(undefined);
  });
});

describe('the first entry of an archive', () => {
  it('is what tar has put there', async () => {
    const script = 'cd "$(mktemp -d)" && echo hello >a && ln -s /b/c l && tar -cf - "$1" && rm -r "$PWD"';
    const tar = async (name: string): Promise<Buffer> => (await run(['sh', '-c', script, 'sh', name])).stdoutBytes;
    expect(firstEntry(await tar('a'))).to.deep.equal({ text: 'hello\n' });
    expect(firstEntry(await tar('l'))).to.deep.equal({ link: '/b/c' });
    expect(firstEntry(await tar('.'))).to.equal(undefined);
  });

  it('is none in what is too short, or claims to be too long', () => {
    expect(firstEntry(Buffer.alloc(100))).to.equal(undefined);
    const huge = archiveOf({ text: '' });
    huge.write('77777777777 ', 124);
    expect(firstEntry(huge)).to.equal(undefined);
    huge.write('no number   ', 124);
    expect(firstEntry(huge)).to.equal(undefined);
  });
});
