import { PassThrough } from 'node:stream';

import { expect } from 'chai';

import { Screen } from '../../src/framed/screen.ts';

function newScreen() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let end: (said: string) => void = () => {};
  const ended = new Promise<{ said: string }>((resolve) => (end = (said) => resolve({ said })));
  const screen = new Screen({ input, output, ended, resize() {}, close() {}, hold() {} });
  return { screen, input, output, end: (said: string): void => end(said) };
}

describe('a screen', () => {
  it('is the text, without what moves the cursor or colours', async () => {
    const { screen, output } = newScreen();
    output.write('\u001b[H\u001b[Jhello\r\n\u001b]0;title\u0007\u001b[1;31mroot@web\u001b[0m:\u001b(B~\u001b[?2004h# ');
    expect(await screen.until(() => (screen.lastLine.endsWith('# ') ? screen.lastLine : undefined), 20_000)).to.equal(
      'root@web:~# ',
    );
    expect(screen.text).to.equal('hello\r\nroot@web:~# ');
  });

  it('forgets what it is told to', async () => {
    const { screen, output } = newScreen();
    output.write('old');
    await screen.until(() => screen.text || undefined, 20_000);
    screen.clear();
    output.write('new');
    expect(await screen.until(() => screen.text || undefined, 20_000)).to.equal('new');
  });

  it('waits no longer than it is told, for a terminal that ended, or for who has gone', async () => {
    const never = (): undefined => undefined;
    expect(await newScreen().screen.until(never, 20)).to.equal(undefined);
    const ended = newScreen();
    const waiting = ended.screen.until(never, 1_000_000);
    ended.end('no more');
    expect(await waiting).to.equal(undefined);
    expect(ended.screen.ended).to.equal('no more');
    const abort = new AbortController();
    const aborted = newScreen().screen.until(never, 1_000_000, abort.signal);
    abort.abort();
    expect(await aborted).to.equal(undefined);
  });

  it('types, and hands over what comes behind a mark, byte for byte', async () => {
    const { screen, input, output } = newScreen();
    screen.type('go\r');
    expect(String(input.read())).to.equal('go\r');
    output.write(Buffer.concat([Buffer.from('echo\r\nready\r\n'), Buffer.from([0xff, 0x00, 0x1b])]));
    await screen.until(() => (screen.text.includes('ready') ? true : undefined), 20_000);
    const rest = screen.handOver(/ready\r*\n/);
    expect([...rest]).to.deep.equal([0xff, 0x00, 0x1b]);
    expect(output.listenerCount('data')).to.equal(0);
  });
});
