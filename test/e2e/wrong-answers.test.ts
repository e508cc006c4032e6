/** The verbs against a server that answers nonsense: one line, the right exit code, and nothing that is taken for true. */
import { expect } from 'chai';

import { answer, data, openImpostor } from '../support/pve-impostor.ts';
import type { Impostor, Reply } from '../support/pve-impostor.ts';
import { httpAnswer } from '../support/tls-server.ts';
import { loginPlace, writeContexts } from './login-place.ts';
import type { LoginPlace } from './login-place.ts';

const PAGE = '<!DOCTYPE html><html><body>It works!</body></html>';

/** What no endpoint answers. */
const NONSENSE: Record<string, Reply> = {
  'a page': answer('200 OK', PAGE),
  'an empty body': answer('200 OK'),
  'no content': answer('204 No Content'),
  null: answer('200 OK', 'null'),
  'a list': answer('200 OK', '[]'),
  'a number': answer('200 OK', '5'),
  'no data': answer('200 OK', '{}'),
  'null as data': data(null),
  'a number as data': data(5),
  'text as data': data('x'),
  'true as data': data(true),
  'a list of null': data([null]),
  'a list of lists': data([[], [[]]]),
  'members of wrong types': data({
    status: {},
    ticket: 7,
    username: [],
    version: null,
    '/': 1,
    toString: 1,
    constructor: 'x',
  }),
  'elements of wrong types': data([{ vmid: {}, type: 'lxc', node: ['x'], status: 1, n: 'x', t: null }]),
  'JSON that is cut': answer('200 OK', '{"data":[{"vmid":101,"ty'),
  'JSON without end': answer('200 OK', `{"data":${'['.repeat(100_000)}`),
  'bytes that are no text': (socket) =>
    socket.write(Buffer.concat([Buffer.from(httpAnswer('200 OK', 'abc').slice(0, -3)), Buffer.from([0xff, 0, 0x1b])])),
  'a body that is cut': (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"data"', () => socket.destroy()),
  'the end of the connection': (socket) => socket.destroy(),
  'no HTTP': (socket) => socket.write('220 mail.example ESMTP\r\n'),
  'a head without end': (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`),
  '502 of a proxy': answer('502 Bad Gateway', PAGE),
  '500 with a page': answer('500 Internal Server Error', PAGE),
};

/** What certainly was not done. */
const REFUSALS: Record<string, Reply> = {
  'a long message': answer('500 x', JSON.stringify({ message: `\u001b[31m${'x\n'.repeat(50_000)}`, errors: [null] })),
  'a redirect': (socket) =>
    socket.write('HTTP/1.1 302 Found\r\nLocation: https://elsewhere/\r\nContent-Length: 0\r\n\r\n'),
  '404': answer('404 Not Found', PAGE),
  '401': answer('401 No ticket'),
  '403': answer('403 Permission check failed (/vms/101, VM.Audit)'),
  '595': answer('595 Connection refused'),
};

/** A verb, what it asks, and the exit codes after nonsense and after a refusal. */
const CALLS: readonly (readonly [words: readonly string[], endpoint: string, nonsense: number, refusal: number])[] = [
  [['ps', '--context', 'home'], 'GET /cluster/resources', 125, 125],
  [['exec', '--context', 'home', '101', '--', 'true'], 'GET /cluster/resources', 125, 125],
  [['state', '--context', 'home', '101'], 'GET /status/current', 125, 125],
  [['start', '--context', 'home', '101'], 'POST /status/start', 255, 125],
  [['start', '--context', 'home', '101'], 'GET /status', 255, 255],
  [['start', '-v', '--context', 'home', '101'], 'GET /log', 255, 255],
  [['stop', '--force', '--context', 'home', '101'], 'POST /status/stop', 255, 125],
  [['login', 'again', '--password-stdin'], 'POST /access/ticket', 125, 125],
  [['login', 'again', '--password-stdin'], 'GET /access/permissions', 125, 125],
  [['login', 'again', '--password-stdin'], 'GET /version', 125, 125],
];

/** So many of each call's wrong answers are tried in one run of the tests; others follow in the next call. */
const SHARE = 5;

const WORKERS = 3;

describe('a server that answers nonsense', () => {
  const places: { place: LoginPlace; server: Impostor; before: string[] }[] = [];

  before(async () => {
    for (let count = 0; count < WORKERS; count += 1) {
      // oxlint-disable-next-line no-await-in-loop -- three of them
      const server = await openImpostor();
      const place = loginPlace();
      writeContexts(place, server);
      places.push({ place, server, before: place.kept() });
    }
  });

  after(() => Promise.all(places.map(({ server }) => server.close())));

  async function check(worker: number, call: (typeof CALLS)[number], what: string, json: boolean): Promise<void> {
    const [words, endpoint, nonsense, refusal] = call;
    const { place, server, before } = places[worker] as (typeof places)[number];
    const shown = `${words.join(' ')}: ${endpoint} is answered with ${what}`;
    server.replies = { [endpoint]: (NONSENSE[what] ?? REFUSALS[what]) as Reply };
    server.runs = words[0] === 'stop';
    const given = json ? words.toSpliced(1, 0, '--json') : words;
    const done = await place.cli(given, { stdin: 'hunter2' });
    const [stdout, stderr] = [done.stdout.toString(), done.stderr.toString()];
    expect(done.exitCode, `${shown}: ${stdout}${stderr}`).to.equal(what in NONSENSE ? nonsense : refusal);
    const told = json ? stdout : stderr;
    expect(json ? stderr : stdout, shown).to.equal('');
    expect(told.length, shown).to.be.within(20, 3000);
    expect(told.trimEnd().split('\n'), shown).to.have.length(1);
    expect(told, `${shown}: ${told}`).not.to.match(/\p{Cc}(?!$)|TypeError|InternalError|UsageError|hunter2|undefined/u);
    if (json) expect(JSON.parse(told), shown).to.have.nested.property('error.message').that.is.a('string');
    else expect(told, shown).to.match(/^proxmox-lxcri: [A-Z][A-Za-z]+: /);
    if (endpoint === 'GET /status' || endpoint === 'GET /log') expect(told, shown).to.include('UPID:pve1:');
    expect(
      place.kept().filter((path) => !before.includes(path) && /ticket/.test(path)),
      shown,
    ).to.deep.equal([]);
    // Nothing that was sent is sent again.
    expect(server.take().filter((each) => /^POST .*status/.test(each)).length, shown).to.be.at.most(1);
  }

  it('is told in one line, with the right exit code, and nothing is kept of it', async () => {
    const kinds = [...Object.keys(NONSENSE), ...Object.keys(REFUSALS)];
    const cases = CALLS.flatMap((call, row) =>
      kinds
        .filter((_, column) => (column + row) % Math.ceil(kinds.length / SHARE) === 0)
        .map((what, column) => ({ call, what, json: (row + column) % 2 === 0 })),
    );
    await Promise.all(
      places.map(async (_, worker) => {
        for (const { call, what, json } of cases.filter((__, index) => index % WORKERS === worker)) {
          // oxlint-disable-next-line no-await-in-loop -- one call of a worker after the other
          await check(worker, call, what, json);
        }
      }),
    );
  }).timeout(240_000);
});
