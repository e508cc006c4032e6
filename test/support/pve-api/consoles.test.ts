import { expect } from 'chai';
import type { Cluster, Host } from '../pve/api/cluster.ts';
import { needsApiDouble } from '../pve/api/needs.ts';
import { endTerminalsIn } from '../pve/api/leftover-terminals.ts';
import { processesIn } from '../lxc.ts';
import { waitFor } from '../wait-for.ts';
import { ask, login } from './ask.ts';
import { ConsoleClient, frame, newTicket, type Ticket, upgradeHead } from './console-client.ts';
import { createLab, PASSWORD } from './lab.ts';
import { connectTo, exchange, exchangeOn } from './raw-exchange.ts';

const CT = '/nodes/vm/lxc/101';
const STOPPED = '/nodes/vm/lxc/102';
const NODE = '/nodes/vm';
const WAIT_MS = 700;

describe('the consoles of the double of the Proxmox API', () => {
  let lab: Cluster;
  let host: Host;
  let root: Record<string, string>;
  let ops: Record<string, string>;
  const open: ConsoleClient[] = [];

  before(async function () {
    needsApiDouble(this);
    lab = await createLab('gone', {
      settings: { refusalMs: 100, consoleWaitMs: WAIT_MS, unansweredMs: 200, deafMs: 300 },
    });
    host = lab.host('vm');
    root = { Authorization: lab.tokenHeader('root@pam', 'full') };
    ops = { Authorization: lab.tokenHeader('ops@pve', 'full') };
  });

  after(() => lab?.close());

  afterEach(async () => {
    lab.settings.consoleEnd = 'close';
    for (const client of open.splice(0)) client.close();
    for (const vmid of [101, 102]) lab.node('vm').tree.putContainer({ vmid, cmode: 'shell', node: 'vm' });
    // The container's one terminal would be there for the next test too.
    endTerminalsIn(lab.node('vm').lxcpath);
    await waitFor(async () => (await shells()).length === 0, { what: 'the shells to go' });
  });

  async function shells(): Promise<string[]> {
    const inside = await processesIn(lab.container(101));
    return inside.map(({ args }) => args).filter((args) => /^(-?|\/bin\/)sh\b/.test(args));
  }

  async function enter(path = CT, headers = ops): Promise<ConsoleClient> {
    const client = await ConsoleClient.login(host, path, headers);
    open.push(client);
    return client;
  }

  async function exitStatus({ ticket }: ConsoleClient): Promise<string> {
    return waitFor(() => lab.node('vm').tasks.find(ticket.upid)?.exitStatus, { what: 'the end of the task' });
  }

  it('shows a login prompt where the terminal is one (ws-01)', async () => {
    lab.node('vm').tree.putContainer({ vmid: 101, cmode: 'tty', node: 'vm' });
    const client = await enter();
    await client.waitForText('\x1b[H\x1b[J');
    client.socket.write(frame('1:120:30:'));
    client.type('\n');
    await client.waitFor(/101 login: /);
    client.socket.write(Buffer.concat([frame('2'), frame('hi', 9)]));
    await waitFor(() => client.frames.find(({ opcode }) => opcode === 10), { what: 'the pong' });
    expect(client.frames.find(({ opcode }) => opcode === 10)?.payload.toString()).to.equal('hi');
  });

  it('gives a shell without a login, as root, with nothing of the host, and ends with it (ws-02, ws-35)', async () => {
    const client = await enter();
    expect(client.ticket).to.deep.include({ port: '5900', user: 'ops@pve!full' });
    expect(client.upgrade.statusLine).to.equal('HTTP/1.1 101 Switching Protocols');
    expect(client.upgrade.headers.map(([name]) => name)).to.deep.equal([
      'Upgrade',
      'Connection',
      'Sec-WebSocket-Accept',
      'Sec-WebSocket-Protocol',
    ]);
    await client.waitFor(/\/ # /);
    client.type('env; tty; id -u; stty size\n');
    await client.waitFor(/container=lxc[^]*\/dev\/pts\/\d+\s+0\s+20 80/);
    expect(client.output()).not.to.include('LANG=');
    client.type('exit 3\n');
    await client.waitForText('\x1b[999H\r\n[EOF - dtach terminating]\r\n\x1b[?25h');
    await client.waitForEnd();
    expect(await exitStatus(client)).to.match(/^command '\/usr\/bin\/termproxy 5900 .*' failed: exit code 1$/);
  });

  it('stays open when the shell has ended, if it is one of those (ws-03, ws-10)', async () => {
    lab.settings.consoleEnd = 'stay';
    const client = await enter();
    await client.waitFor(/\/ # /);
    client.type('exit 3\n');
    await client.waitFor(/EOF - dtach terminating/);
    client.socket.write(frame('there?', 9));
    await waitFor(() => client.frames.some(({ opcode }) => opcode === 10), { what: 'the pong' });
    expect(client.ended).to.equal(false);
    client.close();
    expect(await exitStatus(client)).to.equal('OK');
  });

  it('takes tickets with a cookie, and the first line as text', async () => {
    const { headers } = await login(host, 'ops@pve', PASSWORD);
    const client = await ConsoleClient.open(host, CT, headers);
    open.push(client);
    client.greet(1);
    await client.waitFor(/^OK/);
    expect(client.ticket.user).to.equal('ops@pve');
  });

  it('ends at once for another first line, without a word (ws-04)', async () => {
    const client = await ConsoleClient.open(host, CT, ops);
    client.socket.write(frame('ops@pve:bogus\n'));
    await client.waitForEnd();
    expect(client.frames).to.deep.equal([]);
    expect(await exitStatus(client)).to.match(/failed: exit code 1$/);
  });

  for (const [what, headers, port] of [
    ['another user (ws-05)', () => root, undefined],
    ['another port (ws-14)', () => ops, '5950'],
  ] as const) {
    it(`refuses the ticket to ${what}`, async () => {
      const ticket = await newTicket(host, CT, ops);
      const answer = await exchange(host, upgradeHead(CT, { ...ticket, port: port ?? ticket.port }, headers()));
      expect(answer.statusLine).to.equal('HTTP/1.1 401 permission denied - invalid PVEVNC ticket');
      const document = { data: null, message: 'permission denied - invalid PVEVNC ticket\n' };
      expect(JSON.parse(answer.body)).to.deep.equal(document);
      expect(answer.milliseconds).to.be.at.least(95);
    });
  }

  it('wants the credentials again with the upgrade (ws-06)', async () => {
    const answer = await exchange(host, upgradeHead(CT, await newTicket(host, CT, ops), {}));
    expect(answer).to.include({ statusLine: 'HTTP/1.1 401 No ticket', body: '' });
  });

  it('opens for a stopped container too, and shows what LXC says to that (ws-07, ws-08)', async () => {
    lab.node('vm').tree.putContainer({ vmid: 102, cmode: 'tty', node: 'vm' });
    const tty = await enter(STOPPED, root);
    await tty.waitFor(/lxc-console: 102: .* 102 is not running\r\n/);
    await tty.waitForEnd();
    lab.node('vm').tree.putContainer({ vmid: 102, cmode: 'shell', node: 'vm' });
    const shell = await enter(STOPPED, root);
    await shell.waitFor(/lxc-attach: 102: .* Failed to get init pid\r\n/);
    await shell.waitForEnd();
    expect(shell.frames.some(({ opcode }) => opcode === 8)).to.equal(false);
  });

  it('waits for its client, but not for ever; who comes later gets no answer (ws-09)', async () => {
    const ticket = await newTicket(host, CT, root);
    const { tasks } = lab.node('vm');
    const status = await waitFor(() => tasks.find(ticket.upid)?.exitStatus, { what: 'the end of the task' });
    expect(status).to.match(/failed: exit code 1$/);
    const socket = await connectTo(host);
    const answer = await exchangeOn(socket, upgradeHead(CT, ticket, root));
    expect(answer).to.include({ statusLine: '', body: '' });
    expect(answer.milliseconds).to.be.at.least(195);
  });

  it('waits for the first line, but not for ever', async () => {
    const client = await ConsoleClient.open(host, CT, ops);
    await client.waitForEnd();
    expect(await exitStatus(client)).to.match(/failed: exit code 1$/);
  });

  it('answers without a subprotocol if none was asked for, and a goodbye with the end (ws-11)', async () => {
    const ticket = await newTicket(host, CT, root);
    const head = upgradeHead(CT, ticket, root).filter((line) => !line.startsWith('Sec-WebSocket-Protocol'));
    const socket = await connectTo(host);
    const answer = await exchangeOn(socket, head);
    expect(answer.headers.map(([name]) => name)).to.deep.equal(['Upgrade', 'Connection', 'Sec-WebSocket-Accept']);
    let received = Buffer.alloc(0);
    let ended = false;
    socket.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
    socket.on('end', () => (ended = true));
    socket.write(frame(Buffer.from([0x03, 0xe8]), 8));
    await waitFor(() => ended, { what: 'the end' });
    expect(received).to.deep.equal(Buffer.alloc(0));
  });

  describe('goes deaf without a word', () => {
    const part = (): Buffer => {
      const whole = frame('0:2:a\n');
      whole[0] = 0x02;
      return whole;
    };
    // Who took it for a masked one, by a mask of zeros, would go on to hear what follows.
    const unmasked = (): Buffer => Buffer.from([0x82, 6, 0, 0, 0, 0, ...Buffer.from('0:2:a\n')]);
    for (const [what, bad] of [
      ['at a part of a message (ws-12)', part],
      ['at an unmasked frame (ws-13)', unmasked],
    ] as const) {
      it(what, async () => {
        const client = await enter();
        await client.waitFor(/\/ # /);
        client.socket.write(bad());
        client.type('echo HEARD\n');
        client.socket.write(frame('there?', 9));
        // Another client of the same terminal shows that it lives.
        const other = await enter(CT, root);
        other.type('echo "alive"\n');
        await other.waitFor(/\nalive/);
        await client.waitFor(/\nalive/);
        expect(client.output()).not.to.include('HEARD');
        expect(client.frames.some(({ opcode }) => opcode === 10)).to.equal(false);
        expect(client.ended).to.equal(false);
      });
    }

    it('at a frame that is too large, and ends a while after (ws-34)', async () => {
      const client = await enter();
      await client.waitFor(/\/ # /);
      const started = performance.now();
      client.socket.write(frame(`0:140002:${'x'.repeat(140_001)}\n`));
      await client.waitForEnd();
      expect(performance.now() - started).to.be.at.least(295);
      expect(client.output()).not.to.include('xxx');
    });
  });

  it('takes messages in pieces, and several at once', async () => {
    const client = await enter();
    await client.waitFor(/\/ # /);
    for (const piece of ['1:1', '00:40:', '20', ':9:ech', 'o one;0:11: stty si', 'ze\n']) {
      client.socket.write(frame(piece));
    }
    await client.waitFor(/\none\r+\n40 100/);
  });

  it('has one terminal for each container: who comes second sees and types into the same (ws-20, ws-21)', async () => {
    const a = await enter(CT, root);
    await a.waitFor(/\/ # /);
    a.type('echo FROM_A; SHARED=yes\n');
    await a.waitFor(/\nFROM_A/);
    const b = await enter(CT, ops);
    b.type('echo FROM_B $SHARED\n');
    await a.waitFor(/\nFROM_B yes/);
    await b.waitFor(/\nFROM_B yes/);
  });

  it('keeps the shell when its client leaves; the next one finds it', async () => {
    const first = await enter();
    await first.waitFor(/\/ # /);
    first.type('LEFT=behind\n');
    await first.waitFor(/behind\r\r?\n.*# /);
    first.close();
    expect(await exitStatus(first)).to.equal('OK');
    const second = await enter();
    second.type('echo it is $LEFT\n');
    await second.waitFor(/\nit is behind/);
  });

  it('passes large output on, all of it, to a client that reads slowly', async () => {
    const client = await enter();
    await client.waitFor(/\/ # /);
    client.socket.pause();
    client.type('i=0; while [ $i -lt 60000 ]; do echo line$i; i=$((i+1)); done; echo DO""NE\n');
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.socket.resume();
    await client.waitFor(/DONE/, 30_000);
    const lines = client.output().match(/^line\d+/gm) ?? [];
    expect(lines.map((line) => Number(line.slice(4)))).to.deep.equal(Array.from({ length: 60_000 }, (_, i) => i));
  });

  it('shows what ssh says where the container is on a node that is gone', async () => {
    const client = await enter('/nodes/othernode/lxc/202', root);
    await client.waitFor(/ssh: connect to host/);
    await client.waitForEnd();
  });

  describe('of a node', () => {
    it('is a root shell for root with a ticket, on that node (ws-30)', async () => {
      const { headers } = await login(host, 'root@pam', PASSWORD);
      const client = await enter(NODE, headers);
      await client.waitFor(/# $/);
      client.type('hostname; id -u; ls /etc/pve/local/lxc; lxc-attach -n 101 --clear-env -- hostname; pct list\n');
      await client.waitFor(/\rvm\r\n0\r\n101\.conf +102\.conf\r\n101\r+\nVMID +Status[^]*\n101 +running/);
      expect(client.ticket.upid).to.match(/:vncshell::root@pam:$/);
    });

    it('is a login prompt for a token of root (ws-31)', async () => {
      const client = await enter(NODE, root);
      await client.waitFor(/vm login: /);
    });

    it('needs the privilege, and no other command than the three (ws-32, ws-33)', async () => {
      const refused = await ask(host, `${NODE}/termproxy`, { method: 'POST', headers: ops });
      expect(refused.reason).to.equal('Permission check failed (/nodes/vm, Sys.Console)');
      const body = 'cmd=bash';
      const bad = await ask(host, `${NODE}/termproxy`, { method: 'POST', headers: root, body });
      expect(bad.json?.errors).to.deep.equal({
        cmd: "value 'bash' does not have a value in the enumeration 'ceph_install, login, upgrade'",
      });
    });
  });

  it('has no more than a hundred, each on a port of its own', async () => {
    lab.settings.consoleWaitMs = 30_000;
    const made: Ticket[] = [];
    for (let index = 0; index < 100; index += 1) made.push(await newTicket(host, CT, root));
    expect(new Set(made.map(({ port }) => port)).size).to.equal(100);
    const { reason } = await ask(host, `${CT}/termproxy`, { method: 'POST', headers: root });
    expect(reason).to.equal('unable to find free port (5900-5999)');
    const { tasks } = lab.node('vm');
    for (const { upid } of made) tasks.stop(upid);
    const running = (): boolean => made.some(({ upid }) => tasks.find(upid)?.exitStatus === undefined);
    await waitFor(() => !running(), { what: 'the ends of all of them' });
    lab.settings.consoleWaitMs = WAIT_MS;
  });
});
