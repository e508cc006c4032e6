/** The way to a console is lost: the command is never run twice, never said to have ended, and nothing of it is left. */
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'chai';

import { startInConsole } from '../../src/methods/console/start.ts';
import type { Session } from '../../src/model/session.ts';
import { requestOf } from '../oci/requests.ts';
import { TOKEN_SECRET, clientOf, pinned } from '../proxmox/api/clients.ts';
import { processesIn, waitFor } from '../support/lxc.ts';
import { ConsoleClient } from '../support/pve-api/console-client.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import type { Cluster } from '../support/pve/api/cluster.ts';
import { endTerminalsIn } from '../support/pve/api/leftover-terminals.ts';
import { needsApiDouble } from '../support/pve/api/needs.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { consoleAccess } from './console-access.ts';

/** By hand: 50. */
const CUTS = Number(process.env['CONSOLE_CUTS'] ?? 20);

/** Side by side: most of the time they wait for the helper to miss us. */
const VMIDS = [101, 102, 103, 104] as const;

const LIMITS = { promptMs: 20_000, silenceSeconds: 2 };

/** On a loaded machine. */
const PATIENTLY = { timeoutMs: 60_000 };

describe('a lost way to a console', () => {
  let cluster: Cluster;
  const proxies = new Map<number, TcpProxy>();

  before(async function () {
    this.timeout(120_000);
    needsApiDouble(this);
    cluster = await createCluster({
      nodes: ['pve1'],
      containers: VMIDS.map((vmid) => ({
        vmid,
        hostname: `c${vmid}`,
        kind: 'busybox',
        running: true,
        cmode: 'shell',
      })),
      users: { 'root@pam': { tokens: { full: { secret: TOKEN_SECRET } } } },
    });
    for (const vmid of VMIDS) proxies.set(vmid, await startTcpProxy('127.0.0.1', cluster.host('pve1').port));
  });

  after(async () => {
    if (cluster !== undefined) endTerminalsIn(cluster.node('pve1').lxcpath);
    for (const proxy of proxies.values()) await proxy.stop();
    await cluster?.close();
  });

  function start(vmid: number, script: string): Promise<Session> {
    const host = cluster.host('pve1');
    const client = clientOf([pinned({ ...host, port: proxies.get(vmid)?.port ?? 0 })], {
      connectTimeoutMs: 30_000,
      answerTimeoutMs: 30_000,
    });
    const request = requestOf({ command: ['sh', '-c', script] });
    return startInConsole(consoleAccess(client, vmid), request, new AbortController().signal, LIMITS);
  }

  /** All but the first process and what came with it. */
  async function left(vmid: number): Promise<string[]> {
    const inside = await processesIn(cluster.container(vmid));
    return inside
      .map(({ args }) => args)
      .filter((args) => /^(-?|\/bin\/|env .*)sh\b(?!.*reaper)|^(sleep|dd|base64|tr|setsid)\b/.test(args));
  }

  /** A console that was cut before the helper was there is left as every viewer leaves it: with a shell at its prompt. */
  const nothingLeft = (vmid: number): Promise<unknown> =>
    waitFor(
      async () => {
        const [first = 'sh', ...others] = await left(vmid);
        return others.length === 0 && /^(-|\/bin\/)?sh$/.test(first);
      },
      { what: `${vmid} to be as it was`, ...PATIENTLY },
    );

  async function startsOf(vmid: number, mark: string): Promise<number> {
    const { stdout } = await cluster.container(vmid).attach(['sh', '-c', `cat ${mark} 2>/dev/null`]);
    return stdout.split('\n').filter(Boolean).length;
  }

  /** What was known of the command when the way was cut: whether it was started. */
  async function cutOnce(vmid: number, cut: number): Promise<'not started' | 'lost'> {
    const proxy = proxies.get(vmid);
    const mark = `/tmp/ran-${cut}`;
    const delay = Math.random() * 4000;
    const what = `cut ${cut}, after ${Math.round(delay)} ms`;
    const starting = start(vmid, `echo ran >>${mark}; setsid sleep 12350 & sleep 12351`);
    const settled = starting.then(
      () => {},
      () => {},
    );
    await sleep(delay);
    // What is opened later is cut as well, until it has come to an end or to the command.
    const cutter = setInterval(() => proxy?.cut(), 20);
    await settled;
    clearInterval(cutter);
    let outcome: 'not started' | 'lost' = 'not started';
    const session = await starting.catch((error: unknown) => {
      expect((error as Error).name, what).to.be.oneOf(['NotStartedError', 'LxcriError']);
    });
    if (session !== undefined) {
      proxy?.cut();
      expect((await session.exit).kind, what).to.equal('lost');
      expect(await session.kill(), what).to.equal(false);
      await session.release();
      outcome = 'lost';
    }
    await nothingLeft(vmid);
    expect(await startsOf(vmid, mark), what).to.be.at.most(outcome === 'lost' ? 1 : 0);
    return outcome;
  }

  it(`at ${CUTS} random moments`, async function () {
    this.timeout(CUTS * 60_000);
    const outcomes: string[] = [];
    let next = 0;
    await Promise.all(
      VMIDS.map(async (vmid) => {
        // oxlint-disable-next-line no-await-in-loop -- one terminal, one after the other
        while (next < CUTS) outcomes.push(await cutOnce(vmid, next++));
        // And it is of use afterwards.
        const session = await start(vmid, 'exit 7');
        session.stdout?.resume();
        session.stderr?.resume();
        expect(await session.exit).to.have.property('exitCode', 7);
        await session.release();
      }),
    );
    expect(outcomes).to.have.lengthOf(CUTS);
    if (process.env['CONSOLE_CUTS'] !== undefined) console.error(outcomes.toSorted().join(', '));
  });

  it('gives a shell that was there its terminal back, by itself', async () => {
    const [vmid] = VMIDS;
    endTerminalsIn(cluster.node('pve1').lxcpath);
    await waitFor(async () => (await left(vmid)).length === 0, { what: 'the shell to go', ...PATIENTLY });
    const headers = { Authorization: cluster.tokenHeader('root@pam', 'full') };
    const look = (): Promise<ConsoleClient> =>
      ConsoleClient.login(cluster.host('pve1'), `/nodes/pve1/lxc/${vmid}`, headers);
    const person = await look();
    await person.prompt();
    person.type('mine=here; stty -g\r');
    const [, settings = ''] = await person.waitFor(/\n([0-9a-f:]{20,})\r/);
    person.close();
    // Older than what was started for us can be.
    const since = Date.now();
    await waitFor(() => Date.now() - since > 2500, { what: 'the shell to be old' });
    const session = await start(vmid, 'echo on; sleep 12352');
    await new Promise((resolve) => session.stdout?.once('data', resolve));
    proxies.get(vmid)?.cut();
    expect((await session.exit).kind).to.equal('lost');
    await session.release();
    const stayed = (): Promise<boolean> => left(vmid).then((all) => all.length === 1);
    await waitFor(stayed, { what: 'only the shell to stay', ...PATIENTLY });
    const again = await look();
    again.type('\recho "<$mine>"; stty -g\r');
    await again.waitForText('\n<here>\r');
    await again.waitForText(settings);
    again.close();
  });
});
