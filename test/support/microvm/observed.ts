/** A guest whose processes can be seen, ended and made from here without its agent: by a program of ours beside that. */
import type { Inhabited } from '../container/leftovers.ts';
import { parseProcess, type ProcessInfo } from '../proc.ts';
import type { Argv } from '../run.ts';
import { waitFor } from '../wait-for.ts';
import { nextChunk } from './chunk.ts';
import { dialHybrid } from './dial.ts';
import { goProgram } from './go-program.ts';
import type { GuestContents } from './guest.ts';
import { type MicroVm, startMicroVm } from './microvm.ts';

export interface ObservedMicroVm extends MicroVm {
  /** What runs in it, but for the kernel's own threads. */
  readonly inside: Inside;
}

export type Inside = Extract<Inhabited, { processes(): unknown }> & {
  /** Runs a program, whose output ends with it. */
  attach(argv: Argv): Promise<{ exitCode: number; stdout: string; stderr: string }>;
};

/** As in observer. */
const PORT = 3000;

type Request = { processes: true } | { kill: number } | { run: Argv };

interface Answer {
  processes: { pid: number; stat: string; cmdline: string }[] | null;
  exitCode: number;
  stdout: string;
  stderr: string;
  error?: string;
}

/** Starts one as `startMicroVm` does. */
export async function startObservedMicroVm(contents: GuestContents): Promise<ObservedMicroVm> {
  const guest = await startMicroVm({ ...contents, beside: await goProgram('observer') });
  const ask = (request: Request): Promise<Answer> => askObserver(guest.hybridSocket, request);
  const inside: Inside = {
    name: 'the guest',
    async processes(): Promise<ProcessInfo[]> {
      const { processes } = await ask({ processes: true });
      return (processes ?? []).map(({ pid, stat, cmdline }) => parseProcess(pid, stat, cmdline));
    },
    async kill(pid) {
      await ask({ kill: pid });
    },
    attach: (run) => ask({ run }),
  };
  try {
    await waitFor(async () => (await inside.processes()).length > 0, { what: 'the observer in the guest' });
  } catch (error) {
    await guest.stop();
    throw error;
  }
  return { ...guest, inside };
}

/** @throws Error when nobody listens, and when the answer is that it cannot be. */
async function askObserver(hybridSocket: string, request: Request): Promise<Answer> {
  const socket = await dialHybrid(hybridSocket, PORT);
  if (socket === undefined) throw new Error('no observer listens in the guest');
  try {
    socket.write(JSON.stringify(request));
    const chunks: Buffer[] = [];
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const chunk = await nextChunk(socket);
      if (chunk === undefined) break;
      chunks.push(chunk);
    }
    const answer = JSON.parse(Buffer.concat(chunks).toString()) as Answer;
    if (answer.error !== undefined) throw new Error(`the observer in the guest: ${answer.error}`);
    return answer;
  } finally {
    socket.destroy();
  }
}
