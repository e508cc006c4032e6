import { expect } from 'chai';

import type { MethodDiagnosis } from '../../../src/model/diagnosis.ts';
import { RUNS, fastestOrder, triedMethods, untriedMethods } from '../../../src/oci/doctor/methods.ts';
import type { Caller } from '../../../src/oci/doctor/trial.ts';
import { resultWith } from './results.ts';

const { signal: NEVER } = new AbortController();

function diagnosis(method: MethodDiagnosis['method'], given: Partial<MethodDiagnosis> = {}): MethodDiagnosis {
  return { method, result: 'works', reason: null, costMs: null, runsMs: [], ...given };
}

describe('the methods of a host', () => {
  it('are those of the chain, with what keeps them from being tried', () => {
    const [api, pct, attach] = untriedMethods(false);
    expect([api?.method, api?.result, api?.reason]).to.deep.equal([
      'proxmox-api',
      'unavailable',
      'no Proxmox API configured',
    ]);
    expect([pct?.result, pct?.reason]).to.deep.equal(['unavailable', 'this host is not a Proxmox VE node']);
    expect([attach?.method, attach?.result]).to.deep.equal(['lxc-attach', 'untried']);
    expect(untriedMethods(true)[1]?.reason).not.to.equal('this host is not a Proxmox VE node');
  });

  it('are measured in turn, and only those that work', async () => {
    const calls: string[] = [];
    const caller: Caller = {
      exec: ([, method = '', , , ...command]) => {
        calls.push(`${method} ${command[0]}`);
        const probe = command[0] === '/bin/sh';
        const stdout = probe ? `${command.slice(4).join('|')}|` : '';
        const given = probe ? { stdout, stderr: 'error output', exitCode: method === 'pct' ? 0 : 42 } : {};
        return Promise.resolve({ result: resultWith(given), durationMs: calls.length });
      },
    };
    const untried = [
      diagnosis('proxmox-api', { result: 'unavailable', reason: 'none' }),
      diagnosis('pct', { result: 'untried' }),
      diagnosis('lxc-attach', { result: 'untried' }),
      diagnosis('docker', { result: 'untried' }),
    ];
    const tried = await triedMethods(untried, { reference: 'web', caller, abort: NEVER });
    expect(tried?.map(({ method, result, costMs, runsMs }) => [method, result, costMs, runsMs])).to.deep.equal([
      ['proxmox-api', 'unavailable', null, []],
      ['pct', 'unfaithful', null, []],
      ['lxc-attach', 'works', 8, [4, 6, 8, 10, 12]],
      ['docker', 'works', 9, [5, 7, 9, 11, 13]],
    ]);
    expect(calls.slice(0, 5)).to.deep.equal([
      'pct /bin/sh',
      'lxc-attach /bin/sh',
      'docker /bin/sh',
      'lxc-attach true',
      'docker true',
    ]);
    expect(calls).to.have.length(3 + 2 * RUNS);
  });

  it('are not known where the container has nothing to run', async () => {
    const error = { code: 'CommandNotFound', message: 'no /bin/sh' } as const;
    const caller: Caller = { exec: () => Promise.resolve({ result: resultWith({ error }), durationMs: 1 }) };
    const untried = [diagnosis('lxc-attach', { result: 'untried' })];
    expect(await triedMethods(untried, { reference: 'web', caller, abort: NEVER })).to.equal(undefined);
  });

  it('are ordered by cost; what was not measured comes later, what failed last, what is unfaithful is left out', () => {
    const methods = [
      diagnosis('proxmox-api', { result: 'unavailable' }),
      diagnosis('node-shell', { result: 'works' }),
      diagnosis('pct', { costMs: 1500 }),
      diagnosis('lxc-attach', { costMs: 60 }),
      diagnosis('docker', { result: 'unfaithful' }),
      diagnosis('vsock', { result: 'fails' }),
      diagnosis('process', { result: 'untried' }),
    ];
    expect(fastestOrder(methods)).to.deep.equal(['lxc-attach', 'pct', 'proxmox-api', 'process', 'node-shell', 'vsock']);
    expect(fastestOrder(methods.filter(({ costMs }) => costMs === null))).to.deep.equal([]);
  });
});
