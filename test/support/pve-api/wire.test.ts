import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { type Cluster, createCluster, type Host } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { type Argv, must } from '../run.ts';
import { waitFor } from '../wait-for.ts';
import { ask } from './ask.ts';
import { connectTo, exchange, exchangeOn } from './raw-exchange.ts';

const KEEP_ALIVE_MS = 400;

describe('the double of the Proxmox API, on the wire', () => {
  let cluster: Cluster;
  let host: Host;
  let authorization: string;

  before(async function () {
    needsApiDouble(this);
    const containers = Array.from({ length: 10 }, (_, index) => ({ vmid: 101 + index }));
    cluster = await createCluster({
      nodes: ['pve1'],
      containers,
      users: { 'root@pam': { tokens: { t: {} } } },
      settings: { refusalMs: 50, keepAliveMs: KEEP_ALIVE_MS },
    });
    [host] = cluster.hosts as [Host];
    authorization = `Authorization: ${cluster.tokenHeader('root@pam', 't')}`;
  });

  after(() => cluster?.close());

  const get = (path: string): string[] => [`GET /api2/json${path} HTTP/1.1`, 'Host: pve1', authorization];
  const post = (path: string, ...more: string[]): string[] => [
    `POST /api2/json${path} HTTP/1.1`,
    'Host: pve1',
    authorization,
    ...more,
  ];

  it('shows a certificate with the fingerprint and the names it says', async () => {
    const verify = ['-CAfile', host.caFile, '-verify_return_error', '-verify_hostname', 'pve1'];
    const argv: Argv = ['openssl', 's_client', '-connect', `127.0.0.1:${host.port}`, ...verify];
    const { stdout: input } = await must(argv, { input: '' });
    const print = await must(['openssl', 'x509', '-noout', '-fingerprint', '-sha256'], { input });
    expect(print.stdout.trim()).to.equal(`sha256 Fingerprint=${host.fingerprint}`);
  });

  it('sends plain HTTP to HTTPS, on the same port', async () => {
    for (const [method, status] of [
      ['GET', '301 Moved Permanently'],
      ['POST', '308 Permanent Redirect'],
    ]) {
      const socket = connect(host.port, '127.0.0.1');
      socket.write(`${method} /api2/json/version?x=1 HTTP/1.1\r\nHost: pve1:8006\r\n\r\n`);
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      expect(chunk.toString())
        .to.match(new RegExp(`^HTTP/1.1 ${status}\r\n`))
        .and.to.include('\r\nLocation: https://pve1:8006/api2/json/version?x=1\r\n');
    }
  });

  it('keeps a connection, for a while, and not after an error', async () => {
    const socket = await connectTo(host);
    let ended = false;
    socket.on('close', () => (ended = true));
    expect((await exchangeOn(socket, get('/version'))).statusLine).to.equal('HTTP/1.1 200 OK');
    expect((await exchangeOn(socket, get('/nodes/pve1/lxc'))).statusLine).to.equal('HTTP/1.1 200 OK');
    expect(ended).to.equal(false);
    await waitFor(() => ended, { what: 'the end of the idle connection', timeoutMs: KEEP_ALIVE_MS + 2_000 });
    const failing = await connectTo(host);
    const answer = await exchangeOn(failing, get('/nodes/pve1/lxc/999/config'));
    expect(answer.headers).to.deep.include(['Connection', 'close']);
    await waitFor(() => failing.closed || failing.readableEnded, { what: 'the end after an error' });
  });

  it('has one clock for a connection, however much is asked on it', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const socket = await connectTo(host);
    for (let count = 0; count < 15; count += 1) await exchangeOn(socket, get('/version'));
    await once(socket, 'close');
    process.off('warning', note);
    expect(warnings.map(({ message }) => message)).to.deep.equal([]);
  });

  it('closes when asked to, and then says so once', async () => {
    const { headers } = await exchange(host, [...get('/nodes/pve1/lxc'), 'Connection: close']);
    expect(headers.filter(([name]) => name === 'Connection')).to.deep.equal([['Connection', 'close']]);
  });

  it('wants lengths and types that it knows', async () => {
    const path = '/nodes/pve1/lxc/101/status/start';
    const cases = [
      [post(path, 'Transfer-Encoding: gzip'), '', "501 Unknown transfer encoding 'gzip'"],
      [post(path, `Content-Length: ${512 * 1024 + 1}`), '', '501 for data too large'],
      [post(path, 'Content-Type: text/plain'), 'x=1', "506 upload 'Content-Type 'text/plain' not implemented"],
      [post(path, 'Content-Type: application/json'), '{', '501 malformed JSON string'],
      [[`PATCH ${path} HTTP/1.1`, 'Host: pve1', authorization], '', "501 method 'PATCH' not available"],
      [['GET /api2/xml/version HTTP/1.1', 'Host: pve1', authorization], '', '501 no formatter for uri /version, xml'],
      [['GET /nothing HTTP/1.1', 'Host: pve1'], '', "501 no such file '/nothing'"],
    ] as const;
    for (const [head, body, status] of cases) {
      expect((await exchange(host, head, body)).statusLine).to.equal(`HTTP/1.1 ${status}`);
    }
  });

  it('says nothing to what is too long, and closes', async () => {
    const answer = await exchange(host, [...get('/version'), `X-Long: ${'x'.repeat(9_000)}`]);
    expect(answer).to.include({ statusLine: '', body: '' });
    expect(answer.milliseconds).to.be.at.least(KEEP_ALIVE_MS - 5);
  });

  it('takes forms and JSON, and loses what it does not expect in them', async () => {
    const path = '/nodes/pve1/lxc/101/status/shutdown';
    const complaint = async (type: string, body: string): Promise<unknown> => {
      const { body: text } = await exchange(host, post(path, `Content-Type: ${type}`), body);
      return (JSON.parse(text) as { errors?: unknown; message: string }).errors;
    };
    const json = await complaint('application/json', '{"timeout":"soon"}');
    expect(json).to.deep.equal({ timeout: "type check ('integer') failed - got 'soon'" });
    const cut = await complaint('application/x-www-form-urlencoded', 'timeout=a=b;c%20d=e+f');
    expect(cut).to.deep.equal({
      timeout: "type check ('integer') failed - got 'a'",
      'c d': 'property is not defined in schema and the schema does not allow additional properties',
    });
  });

  it('compresses what is long, for who can read it', async () => {
    const path = '/nodes/pve1/lxc';
    const long = await ask(host, path, {
      headers: { Authorization: authorization.slice(15), 'Accept-Encoding': 'gzip' },
    });
    expect(long.headers['content-encoding']).to.equal('gzip');
    const short = await ask(host, '/version', {
      headers: { Authorization: authorization.slice(15), 'Accept-Encoding': 'gzip' },
    });
    expect(short.headers).not.to.have.property('content-encoding');
    expect(short.json?.data).to.have.property('version');
  });

  it('answers in the form of the web interface too', async () => {
    const headers = { Authorization: authorization.slice(15) };
    const good = await ask(host, '/api2/extjs/version', { headers });
    expect(good.json).to.deep.include({ success: 1 });
    const bad = await ask(host, '/api2/extjs/nodes/pve1/lxc/999/config', { headers });
    expect(bad.status).to.equal(200);
    expect(bad.json).to.deep.equal({
      success: 0,
      status: 500,
      data: null,
      message: "Configuration file 'nodes/pve1/lxc/999.conf' does not exist\n",
    });
  });

  it('records what was asked, without tickets', async () => {
    const before = cluster.requests.length;
    const path = '/nodes/pve1/vncwebsocket?port=5900&vncticket=PVEVNC%3Asecret&x=1';
    await exchange(host, get(path));
    const [request] = cluster.requests.slice(before);
    expect(request?.path).to.equal('/api2/json/nodes/pve1/vncwebsocket?port=5900&vncticket=...&x=1');
  });
});
