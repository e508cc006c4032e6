/** The verbs against a server that does not answer, or whose guests do not do what they are told: they end in time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { startCli } from '../methods/contract/cli.ts';
import { PASSWORD, USERS } from '../proxmox/api/clients.ts';
import { createCluster } from '../support/pve/api/cluster.ts';
import { UPID, data, openImpostor } from '../support/pve-impostor.ts';
import type { Impostor } from '../support/pve-impostor.ts';
import { waitFor } from '../support/wait-for.ts';
import { loginPlace, writeContexts } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';
import { documentOf } from './verb-call.ts';

const HOME = ['--context', 'home'];

/** A call, and the request that is never answered. */
const HANGING = [
  [['ps', ...HOME], 'GET /cluster/resources'],
  [['state', ...HOME, '101'], 'GET /status/current'],
  [['start', ...HOME, '101'], 'GET /cluster/resources'],
  [['start', ...HOME, '101'], 'POST /status/start'],
  [['start', '-v', ...HOME, '101'], 'GET /log'],
  [['stop', ...HOME, '101'], 'GET /status/current'],
  [['stop', '--force', ...HOME, '101'], 'POST /status/stop'],
  [['login', 'again', '--password-stdin'], 'POST /access/ticket'],
  [['exec', ...HOME, '101', '--', 'true'], 'GET /cluster/resources'],
] as const;

describe('the verbs and a server that does not answer', () => {
  type Case = { place: LoginPlace; words: readonly string[]; asked: () => boolean };

  /** All of them at the same time: each mostly waits. */
  async function forEach(check: (call: Case) => Promise<void>): Promise<void> {
    await Promise.all(
      HANGING.map(async ([words, endpoint]) => {
        const server = await openImpostor();
        const place = loginPlace();
        writeContexts(place, server);
        let isAsked = false;
        server.replies = { [endpoint]: () => (isAsked = true) };
        server.runs = words[0] === 'stop';
        try {
          await check({ place, words, asked: () => isAsked });
        } catch (error) {
          throw new Error(`${words.join(' ')} at ${endpoint}: ${(error as Error).message}`, { cause: error });
        } finally {
          await server.close();
        }
      }),
    );
  }

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`end at once with ${signal}, whatever they wait for`, () =>
      forEach(async ({ place, words, asked }) => {
        // With --json there is a document, also then.
        const json = signal === 'SIGTERM' && words[0] !== 'exec';
        const running = startCli(json ? words.toSpliced(1, 0, '--json') : words, { env: place.env, stdin: 'hunter2' });
        await waitFor(asked, { what: 'the request', timeoutMs: 30_000 });
        running.child.kill(signal);
        // Without it they wait for 40 s, which is longer than this waits.
        const done = await running.ended;
        expect([done.exitCode, done.stderr.toString()]).to.deep.equal([exitCode, '']);
        if (json) expect(documentOf(words[0] ?? '', done).error?.message).to.include(signal);
        else expect(done.stdout.toString()).to.equal('');
      }));
  }

  it('end when the time of --timeout is over, whatever they wait for', () =>
    forEach(async ({ place, words }) => {
      // What is killed has no time to shut down; and what is only not logged runs.
      if (words.includes('--force') || words.includes('-v')) return;
      const done = await place.cli(words.toSpliced(1, 0, '--timeout', '1s'), { stdin: 'hunter2' });
      expect(done.stderr.toString()).to.match(/^proxmox-lxcri: ExecutionTimeout: .*\n$/);
      expect(done.exitCode).to.equal(124);
    }));
});

describe('start and a guest', () => {
  let server: Impostor;
  let place: LoginPlace;

  beforeEach(async () => {
    server = await openImpostor();
    place = loginPlace();
    writeContexts(place, server);
  });

  afterEach(() => server.close());

  const looks = (): number => server.take().filter((each) => each.endsWith('/status/current')).length;

  it('that ends again at once: it is told at once', async () => {
    server.replies = { 'POST /status/start': data(UPID) };
    const line = await place.refusal('OperationFailed', ['start', ...HOME, '--timeout', '35s', '101']);
    expect(line).to.include('was started, and ended again at once');
    expect(looks()).to.be.at.most(3);
  });

  it('that HA starts in its own time: it is asked for more and more seldom', async () => {
    server.replies = { 'POST /status/start': data(UPID.replace('vzstart', 'hastart')) };
    const done = await place.cli(['start', ...HOME, '--timeout', '5s', '101']);
    expect(done.exitCode, done.stderr.toString()).to.equal(124);
    // 20 in a second would be 100.
    expect(looks()).to.be.within(2, 20);
  });

  it('that runs is asked for no more often than needed', async () => {
    const started = await place.document('start', ['start', ...HOME, '101']);
    expect(started).to.deep.include({ changed: true, status: 'running' });
    expect(
      server.take().map((each) => each.replace(UPID, 'UPID').replace(encodeURIComponent(UPID), 'UPID')),
    ).to.deep.equal([
      'GET /cluster/resources',
      'GET /nodes/pve1/lxc/101/status/current',
      'POST /nodes/pve1/lxc/101/status/start',
      'GET /nodes/pve1/tasks/UPID/status',
      'GET /nodes/pve1/lxc/101/status/current',
    ]);
  });
});

describe('a ticket that is good for nothing', () => {
  it('is told in one line with what to do, by every verb, and nothing is done', async () => {
    const cluster = await createCluster({ nodes: ['pve1'], users: USERS, settings: { refusalMs: 100 } });
    try {
      const place = loginPlace();
      writeContexts(place, cluster.host('pve1'));
      const login = () => place.document('login', ['login', 'again', '--password-stdin'], { stdin: PASSWORD });
      const says = async (): Promise<void> => {
        for (const words of [['ps'], ['start', '102'], ['exec', '102', '--', 'true']]) {
          // oxlint-disable-next-line no-await-in-loop -- one verb after the other
          const line = await place.refusal('AuthenticationFailed', words.toSpliced(1, 0, '--context', 'again'));
          expect(line).to.include('root@pam').and.to.include('proxmox-lxcri login again');
        }
      };
      await says();
      await login();
      const file = join(place.folder, 'state/tickets/again.json');
      const kept = JSON.parse(readFileSync(file, 'utf8')) as { ticket: string };
      const wrong = [
        kept.ticket.replace(/.{8}$/, 'AAAAAAA='),
        'PVE:!tfa!%7B%22totp%22%3Atrue%7D:6B00FF87::AA==',
        `${kept.ticket}\r\nX-Evil: 1`,
      ];
      for (const ticket of wrong) {
        writeFileSync(file, JSON.stringify({ ...kept, ticket }), { mode: 0o600 });
        // oxlint-disable-next-line no-await-in-loop -- one ticket after the other
        await says();
      }
      await login();
      cluster.advanceClock(3 * 3600);
      await says();
    } finally {
      await cluster.close();
    }
  }).timeout(120_000);
});
