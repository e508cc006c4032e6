import type { RawTerminal } from '../../model/raw-terminal.ts';
import type { Channel } from '../channel.ts';

/**
 * A terminal in which our program runs, as a channel. When it is closed, the program loses its terminal, and ends what it
 * runs for us.
 *
 * @param seal see `Channel.seal`.
 */
export function terminalChannel(terminal: RawTerminal, seal: string): Channel {
  const close = (): void => terminal.close();
  return {
    carrierPid: undefined,
    input: terminal.input,
    output: terminal.output,
    seal: Buffer.from(seal),
    ended: terminal.ended.then(({ said }) => ({ code: null, said })),
    // There is no way to end its input only.
    close,
    abort: close,
    hold: (held) => terminal.hold(held),
  };
}
