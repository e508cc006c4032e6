import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Cluster } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { totpCode } from '../pve/api/access/second-factor.ts';
import { waitFor } from '../wait-for.ts';
import { login } from './ask.ts';
import { createLab, PASSWORD, TOTP_SECRET } from './lab.ts';
import { exchange, type RawAnswer } from './raw-exchange.ts';
import { shapeOf } from './shape.ts';
import { type Recorded, recordedConsole, recordedExchange, transcriptNames } from './transcripts.ts';

/** What the double does not serve as recorded, and why. */
const NOT_SERVED: Record<string, string> = {
  '68-cluster-status':
    'the recording is an error of that machine, which had no address; the double answers as a cluster',
};

/** Served, but not by two requests and their answers: its answer is none. */
const NO_ANSWER = 'ws-09-late-connect';

const CONSOLE_TESTS = new URL('consoles.test.ts', import.meta.url);
const VARYING = /^(Date|Expires|Content-Length|Sec-WebSocket-Accept)$/;
const REFUSAL_MS = 300;
const RECORDED_UPID = /UPID:vm:00002F04:0004D4B5:6B010144:vzstart:102:root@pam!full:/;

describe('the double of the Proxmox API answers as recorded', () => {
  let alone: Cluster;
  let pair: Cluster;
  let upid = '';
  /** What each recorded ticket is here. */
  const halfTickets: string[] = [];

  before(async function () {
    needsApiDouble(this);
    const settings = { refusalMs: REFUSAL_MS };
    [alone, pair] = await Promise.all([createLab('unknown', { settings }), createLab('gone', { settings })]);
  });

  after(async () => {
    await Promise.all([alone, pair].map((cluster) => cluster?.close()));
  });

  /** Puts what is valid here in the place of the recorded tickets, codes and task. */
  async function adapt(cluster: Cluster, text: string): Promise<string> {
    let adapted = text.replace(RECORDED_UPID, upid).replace('totp:123456', `totp:${totpCode(TOTP_SECRET)}`);
    for (const [recorded] of adapted.matchAll(/PVE(?::|%3A)[^\s;&]+/g)) {
      const plain = recorded.includes('%3A') && !recorded.startsWith('PVE:') ? decodeURIComponent(recorded) : recorded;
      const user = plain.startsWith('PVE:!tfa!') ? 'tfa@pve' : (plain.split(':')[1] ?? '');
      const half = halfTickets.at(-1);
      const { ticket } =
        user === 'tfa@pve' && half !== undefined ? { ticket: half } : await login(cluster.host('vm'), user, PASSWORD);
      adapted = adapted.replace(recorded, recorded === plain ? ticket : encodeURIComponent(ticket));
    }
    const csrf = /^CSRFPreventionToken: .*$/.test(adapted) ? await csrfFor(cluster, text) : undefined;
    return csrf === undefined ? adapted : `CSRFPreventionToken: ${csrf}`;
  }

  /** Two users changed something with a ticket: at these times. */
  async function csrfFor(cluster: Cluster, line: string): Promise<string> {
    return (await login(cluster.host('vm'), line.includes('6B01010A') ? 'root@pam' : 'ops@pve', PASSWORD)).csrf;
  }

  async function replay(cluster: Cluster, recorded: Recorded): Promise<RawAnswer> {
    const lines = recorded.request.filter((line) => !line.startsWith('Content-Length:'));
    const head = await Promise.all(lines.map((line) => adapt(cluster, line)));
    const pairs = await Promise.all(
      recorded.form.map(async ({ pair: given, encode }) => {
        const [name = '', value = ''] = (await adapt(cluster, given)).split(/=(.*)/s, 2);
        return `${name}=${encode ? encodeURIComponent(value) : value}`;
      }),
    );
    return exchange(cluster.host('vm'), head, pairs.join('&'));
  }

  function compare(recorded: Pick<Recorded, 'statusLine' | 'headers' | 'body'>, answer: RawAnswer): void {
    expect(answer.statusLine).to.equal(recorded.statusLine);
    const comparable = (headers: [string, string][]): string[] =>
      headers.map(([name, value]) => (VARYING.test(name) ? name : `${name}: ${value}`));
    expect(comparable(answer.headers)).to.deep.equal(comparable(recorded.headers));
    const failed = !recorded.statusLine.startsWith('HTTP/1.1 200');
    if (!recorded.body.startsWith('{')) {
      expect(answer.body).to.equal(recorded.body);
      return;
    }
    const [mine, theirs] = [answer.body, recorded.body].map((body) => JSON.parse(body) as unknown);
    if (failed) expect(mine).to.deep.equal(theirs);
    else expect(shapeOf(mine)).to.deep.equal(shapeOf(theirs));
    if (answer.statusLine.startsWith('HTTP/1.1 401')) expect(answer.milliseconds).to.be.at.least(REFUSAL_MS - 5);
  }

  /** What the recorded machine was like at the time. */
  const PREPARE: Record<string, () => unknown> = {
    '16-cluster-resources': () => (alone.settings.statistics = 'none'),
    '17-subdirs': () => (alone.settings.statistics = 'live'),
    '51-task-status-early': async () => {
      const { tasks } = alone.node('vm');
      upid = tasks.all().findLast((task) => task.type === 'vzstart')?.upid ?? '';
      await waitFor(() => tasks.find(upid)?.exitStatus, { what: 'the start of 102' });
    },
    '62-cluster-resources-after-statd': () =>
      waitFor(
        () =>
          alone
            .node('vm')
            .tasks.all()
            .find(({ type }) => type === 'vzstop')?.exitStatus,
        {
          what: 'the stop of 102',
        },
      ),
  };
  const REMEMBER: Record<string, (answer: RawAnswer) => unknown> = {
    '23-ticket-2fa': ({ body }) => halfTickets.push((JSON.parse(body) as { data: { ticket: string } }).data.ticket),
    '26-half-ticket-used': () => halfTickets.splice(0),
  };

  for (const name of transcriptNames().filter((each) => /^\d/.test(each))) {
    if (NOT_SERVED[name] !== undefined) {
      it(`does not: ${name} (${NOT_SERVED[name]})`, async () => {
        const recorded = recordedExchange(name);
        const { statusLine } = await replay(alone, recorded);
        expect(statusLine).not.to.equal(recorded.statusLine);
      });
      continue;
    }
    it(name, async () => {
      await PREPARE[name]?.();
      const recorded = recordedExchange(name);
      // In these the other node was a member that could not be reached.
      const cluster = /^6[01]-/.test(name) ? pair : alone;
      const answer = await replay(cluster, recorded);
      compare(recorded, answer);
      REMEMBER[name]?.(answer);
    });
  }

  for (const name of transcriptNames().filter((each) => each.startsWith('ws-'))) {
    it(`${name}, around the console`, async () => {
      let issued: [recorded: string, here: string][] = [];
      for (const recorded of recordedConsole(name)) {
        if (name === NO_ANSWER && recorded.statusLine === '') return;
        const own = (line: string): string => issued.reduce((text, [theirs, ours]) => text.replace(theirs, ours), line);
        const lines = recorded.request.filter((line) => !line.startsWith('Content-Length:'));
        const head = await Promise.all(lines.map(async (line) => adaptConsole(own(line))));
        const answer = await exchange(alone.host('vm'), head, recorded.requestBody);
        compare(recorded, answer);
        if (issued.length === 0 && answer.body.startsWith('{"data":{')) issued = tickets(recorded.body, answer.body);
      }
    });
  }

  /** The console's own ticket is put in by now; what is left is that of a user. */
  async function adaptConsole(line: string): Promise<string> {
    return /^(Cookie|CSRFPreventionToken):/.test(line) ? adapt(alone, line) : line;
  }

  function tickets(recorded: string, here: string): [string, string][] {
    const [theirs, ours] = [recorded, here].map(
      (body) => (JSON.parse(body) as { data: { ticket: string; port: string } }).data,
    );
    if (theirs === undefined || ours === undefined) return [];
    return [
      [encodeURIComponent(theirs.ticket), encodeURIComponent(ours.ticket)],
      [`port=${theirs.port}`, `port=${ours.port}`],
    ];
  }

  it('and for what went through each console there is a test of its own', () => {
    const tests = readFileSync(CONSOLE_TESTS, 'utf8');
    const numbers = transcriptNames().flatMap((name) => /^ws-\d+/.exec(name)?.[0] ?? []);
    expect(numbers.filter((number) => !tests.includes(number))).to.deep.equal([]);
  });
});
