import { expect } from 'chai';

import { NotStartedError } from '../../src/methods/method.ts';
import type { Availability, Method } from '../../src/methods/method.ts';
import type { Container, Platform } from '../../src/model/container.ts';
import { LxcriError } from '../../src/model/errors.ts';
import type { ApiAccess } from '../../src/model/remote.ts';
import type { MethodName } from '../../src/model/request.ts';
import { METHOD_NAMES } from '../../src/model/request.ts';
import type { Attempt } from '../../src/model/result.ts';
import type { Session } from '../../src/model/session.ts';
import { chainOf, startByChain, usualOrder } from '../../src/oci/chain.ts';
import type { ChainEntry } from '../../src/oci/chain.ts';
import { requestOf } from './requests.ts';

const CONTAINER: Container = { id: '101', name: 'web', platform: 'proxmox', node: 'pve1' };

/** Sessions are only passed through here. */
function sessionOf(name: MethodName): Session {
  return { name } as unknown as Session;
}

/** Runs a chain of methods that only write down that they were started. */
async function attempt(entries: readonly ChainEntry[], abort = new AbortController().signal) {
  const attempts: Attempt[] = [];
  const outcome = await startByChain(entries, CONTAINER, requestOf(), abort, attempts).catch((error: unknown) => error);
  return { attempts, outcome };
}

describe('the chain', () => {
  let started: MethodName[];

  beforeEach(() => {
    started = [];
  });

  function method(name: MethodName, start: () => Promise<Session>, available: Availability = { ok: true }): Method {
    return {
      name,
      check: () => available,
      start() {
        started.push(name);
        return start();
      },
    };
  }

  function works(name: MethodName): Method {
    return method(name, () => Promise.resolve(sessionOf(name)));
  }

  function fails(name: MethodName, error: Error): Method {
    return method(name, () => Promise.reject(error));
  }

  it('uses the first method that can, and no other', async () => {
    const { attempts, outcome } = await attempt([works('pct'), works('lxc-attach')]);
    expect(outcome).to.deep.equal({ method: 'pct', session: sessionOf('pct'), container: CONTAINER });
    expect(started).to.deep.equal(['pct']);
    expect(attempts).to.deep.equal([{ method: 'pct', outcome: 'used' }]);
  });

  it('goes on from a method that certainly did not start the command, and says why', async () => {
    const { attempts, outcome } = await attempt([
      fails('pct', new NotStartedError('pct is broken')),
      works('lxc-attach'),
      works('docker'),
    ]);
    expect(outcome).to.have.property('method', 'lxc-attach');
    expect(started).to.deep.equal(['pct', 'lxc-attach']);
    expect(attempts).to.deep.equal([
      { method: 'pct', outcome: 'failed-before-start', reason: 'pct is broken' },
      { method: 'lxc-attach', outcome: 'used' },
    ]);
  });

  it('skips what is absent or cannot serve the request, with the reason, and starts nothing of it', async () => {
    const { attempts, outcome } = await attempt([
      { name: 'proxmox-api', absent: 'no Proxmox API configured' },
      method('pct', () => Promise.resolve(sessionOf('pct')), { ok: false, reason: 'no user' }),
      works('lxc-attach'),
    ]);
    expect(outcome).to.have.property('method', 'lxc-attach');
    expect(started).to.deep.equal(['lxc-attach']);
    expect(attempts).to.deep.equal([
      { method: 'proxmox-api', outcome: 'skipped', reason: 'no Proxmox API configured' },
      { method: 'pct', outcome: 'skipped', reason: 'no user' },
      { method: 'lxc-attach', outcome: 'used' },
    ]);
  });

  it('stops at any other error: the command may have started', async () => {
    for (const error of [
      new LxcriError('CommandNotFound', 'no such command'),
      new LxcriError('ConnectionLost', 'closed'),
      new TypeError('a defect of ours'),
      new Error('socket hang up'),
    ]) {
      started = [];
      const { attempts, outcome } = await attempt([fails('pct', error), works('lxc-attach')]);
      expect(outcome).to.equal(error);
      expect(started, String(error)).to.deep.equal(['pct']);
      expect(attempts).to.deep.equal([{ method: 'pct', outcome: 'failed-before-start', reason: error.message }]);
    }
  });

  it('starts nothing further once it was aborted', async () => {
    const controller = new AbortController();
    const aborted = method('pct', () => {
      controller.abort();
      return Promise.reject(new NotStartedError('canceled'));
    });
    const { outcome } = await attempt([aborted, works('lxc-attach')], controller.signal);
    expect(outcome).to.be.an.instanceOf(NotStartedError);
    expect(started).to.deep.equal(['pct']);
  });

  it('names every method and its reason when none is left', async () => {
    const { outcome } = await attempt([
      { name: 'proxmox-api', absent: 'not configured' },
      fails('pct', new NotStartedError('no shell')),
      method('lxc-attach', () => Promise.resolve(sessionOf('lxc-attach')), { ok: false, reason: 'not installed' }),
    ]);
    expect(outcome).to.be.an.instanceOf(LxcriError).with.property('code', 'NoMethodAvailable');
    expect((outcome as LxcriError).message)
      .to.include('101')
      .and.to.include('proxmox-api: not configured; pct: no shell; lxc-attach: not installed');
  });
});

describe('the order of the chain', () => {
  it('is the default, or the one that was chosen', () => {
    expect(chainOf().map(({ name }) => name)).to.deep.equal(['proxmox-api', 'pct', 'lxc-attach']);
    expect(chainOf(['lxc-attach', 'pct']).map(({ name }) => name)).to.deep.equal(['lxc-attach', 'pct']);
  });

  it('is, where the call names none, what is preferred and not for another platform, or the own one', () => {
    const CASES: [Platform, MethodName[] | undefined, MethodName[]][] = [
      ['proxmox', undefined, ['proxmox-api', 'pct', 'lxc-attach']],
      ['proxmox', ['docker', 'lxc-attach', 'vsock', 'node-shell'], ['lxc-attach', 'node-shell']],
      ['lxc', ['pct'], ['pct']],
      ['lxc', ['docker', 'kubernetes'], ['proxmox-api', 'pct', 'lxc-attach']],
      ['docker', undefined, ['docker']],
      ['docker', ['lxc-attach', 'pct'], ['docker']],
      ['kubernetes', ['docker', 'vsock'], ['kubernetes']],
      ['microvm', ['lxc-attach'], ['vsock']],
    ];
    for (const [platform, preferred, expected] of CASES)
      expect(usualOrder(platform, preferred), `${platform}: ${String(preferred)}`).to.deep.equal(expected);
  });

  it('has an entry for every method there is a name for, with a reason where it is absent', () => {
    for (const entry of chainOf(METHOD_NAMES)) {
      if ('absent' in entry) expect(entry.absent, entry.name).to.match(/^\w.+/);
      else expect(entry.check(CONTAINER, requestOf()), entry.name).to.have.property('ok');
    }
  });

  it('has the routes that a context enables in the place of the API, and nothing twice', () => {
    const names = (order: readonly MethodName[] | undefined) =>
      chainOf(order, ['node-shell', 'console']).map(({ name }) => name);
    expect(names(undefined)).to.deep.equal(['proxmox-api', 'node-shell', 'console', 'pct', 'lxc-attach']);
    expect(names(['console', 'proxmox-api'])).to.deep.equal(['console', 'proxmox-api', 'node-shell']);
    expect(names(['pct'])).to.deep.equal(['pct']);
  });

  it('ends with the console for a shell at a terminal, wherever the API takes part', () => {
    const names = (order: readonly MethodName[] | undefined) =>
      chainOf(order, ['node-shell', 'console'], true).map(({ name }) => name);
    expect(names(undefined)).to.deep.equal(['proxmox-api', 'node-shell', 'pct', 'lxc-attach', 'console']);
    expect(names(['proxmox-api'])).to.deep.equal(['proxmox-api', 'node-shell', 'console']);
    expect(names(['console', 'proxmox-api'])).to.deep.equal(['console', 'proxmox-api', 'node-shell']);
    expect(names(['pct'])).to.deep.equal(['pct']);
  });
});

describe('the chain, for a container of another node', () => {
  const ssh = { destination: 'pve2', options: [], sudo: false };
  const FAR: Container = { ...CONTAINER, node: 'pve2', remote: { ssh } };
  const KNOWN: Container = { ...FAR, remote: { ssh, found: { initPid: 7, tools: ['pct'] } } };
  const NO_WAY = new LxcriError('PlatformUnreachable', 'no route to pve2');

  async function tryFar(entries: readonly ChainEntry[], askNode: () => Promise<Container>) {
    const attempts: Attempt[] = [];
    let asked = 0;
    const ask = () => {
      asked += 1;
      return askNode();
    };
    const { signal } = new AbortController();
    const outcome = await startByChain(entries, FAR, requestOf(), signal, attempts, ask).catch(
      (error: unknown) => error,
    );
    return { attempts, outcome, asked };
  }

  /** A method that starts in the containers that it can. */
  function far(name: MethodName, asksNode: boolean, works = true): Method {
    return {
      name,
      ...(asksNode ? { asksNode } : {}),
      check: (container) =>
        works && (container.remote?.found?.tools.includes(name) ?? true)
          ? { ok: true }
          : { ok: false, reason: 'not there' },
      start: () => Promise.resolve(sessionOf(name)),
    };
  }

  it('asks the node once, and only before a method that needs it and has nothing else against it', async () => {
    const none = await tryFar([far('pct', true, false), far('console', false)], () => Promise.reject(NO_WAY));
    expect([none.asked, none.outcome]).to.deep.equal([
      0,
      { method: 'console', session: sessionOf('console'), container: FAR },
    ]);
    const one = await tryFar([far('lxc-attach', true), far('pct', true)], () => Promise.resolve(KNOWN));
    expect([one.asked, one.outcome]).to.deep.equal([1, { method: 'pct', session: sessionOf('pct'), container: KNOWN }]);
    expect(one.attempts[0]).to.deep.equal({ method: 'lxc-attach', outcome: 'skipped', reason: 'not there' });
  });

  it('says of two ways that are closed why each is', async () => {
    const denied: Method = {
      ...far('console', false),
      start: () => Promise.reject(new LxcriError('PermissionDenied', 'no VM.Console', 'grant it')),
    };
    const { outcome } = await tryFar([far('pct', true), denied], () => Promise.reject(NO_WAY));
    expect(outcome).to.deep.include({
      code: 'PermissionDenied',
      message: 'no VM.Console; and over ssh: no route to pve2',
      hint: 'grant it',
    });
  });

  it('goes on without the node where there is no way there, and says why there is none if nothing else goes', async () => {
    const other = await tryFar([far('pct', true), far('lxc-attach', true), far('console', false)], () =>
      Promise.reject(NO_WAY),
    );
    expect([other.asked, (other.outcome as { method: string }).method]).to.deep.equal([1, 'console']);
    expect(other.attempts.map(({ reason }) => reason)).to.deep.equal([NO_WAY.message, NO_WAY.message, undefined]);
    expect((await tryFar([far('pct', true)], () => Promise.reject(NO_WAY))).outcome).to.equal(NO_WAY);
  });

  it('says of each route of the API why it was not taken, where there is no way to the node either', async () => {
    const routes = ['node-shell', 'console'] as const;
    const api = {
      context: 'rt',
      node: 'pve2',
      vmid: '101',
      type: 'lxc',
      login: 'token',
      routes,
      execEndpoint: () => Promise.resolve('no endpoint'),
    } as unknown as ApiAccess;
    const { signal } = new AbortController();
    const outcome: unknown = await startByChain(
      chainOf(undefined, routes),
      { ...FAR, api },
      requestOf({ privileged: true }),
      signal,
      [],
      () => Promise.reject(NO_WAY),
    ).catch((error: unknown) => error);
    if (!(outcome instanceof LxcriError)) throw new TypeError(String(outcome));
    expect(outcome.code).to.equal('PlatformUnreachable');
    expect(outcome.message).to.match(
      /^no route to pve2; and over the API: node-shell: a token gets no root shell .*; console: the console has no elevated privileges$/,
    );
  });

  it('starts nothing where the node says that the container does not run', async () => {
    const frozen = new LxcriError('ContainerFrozen', 'it is frozen');
    const { outcome, attempts } = await tryFar([far('pct', true), far('console', false)], () => Promise.reject(frozen));
    expect([outcome, attempts]).to.deep.equal([frozen, []]);
  });

  it('passes a method over that has looked and cannot', async () => {
    const looks: Method = {
      ...far('proxmox-api', false),
      look: () => Promise.resolve({ ok: false, reason: 'no endpoint' }),
    };
    const { attempts, outcome } = await tryFar([looks, far('console', false)], () => Promise.reject(NO_WAY));
    expect(outcome).to.have.property('method', 'console');
    expect(attempts[0]).to.deep.equal({ method: 'proxmox-api', outcome: 'skipped', reason: 'no endpoint' });
  });
});
