import { expect } from 'chai';

import { diagnosisText } from '../../src/cli/diagnosis-text.ts';
import type { Diagnosis } from '../../src/model/diagnosis.ts';

const DIAGNOSIS: Diagnosis = {
  platforms: [{ platform: 'lxc', present: true, detail: 'LXC 6.0, in /var/lib/lxc', containers: null, running: 3 }],
  checks: [
    { name: 'root', result: 'ok', detail: 'yes', hint: null },
    { name: 'lxc-info', result: 'warning', detail: 'not found', hint: 'install all of LXC' },
  ],
  container: { id: '101', name: 'web', platform: 'proxmox' },
  notTried: null,
  methods: [
    { method: 'pct', result: 'unavailable', reason: 'pct is not installed', costMs: null, runsMs: [] },
    { method: 'lxc-attach', result: 'works', reason: null, costMs: 61.44, runsMs: [61.44] },
  ],
  contexts: [],
  fastest: ['lxc-attach'],
  canExec: true,
};
const PLAIN = { width: undefined, color: false, truncate: false };

describe('a diagnosis for people', () => {
  it('is a section for each question, with what to do', () => {
    expect(diagnosisText(DIAGNOSIS, PLAIN)).to.equal(
      [
        'PLATFORM   CONTAINERS   RUNNING   DETAIL',
        'lxc                 ?         3   LXC 6.0, in /var/lib/lxc',
        '',
        'HOST       RESULT    DETAIL',
        'root       ok        yes',
        'lxc-info   warning   not found; install all of LXC',
        '',
        'Methods, tried in web',
        'METHOD       RESULT           COST   DETAIL',
        'pct          unavailable         -   pct is not installed',
        'lxc-attach   works         61.4 ms   from call to end of "true", median of 1',
        '',
      ].join('\n'),
    );
  });

  it('tells of each context whom we are there, and what its API may be used for', () => {
    const contexts: Diagnosis['contexts'] = [
      {
        context: 'home',
        reachable: true,
        detail: 'Proxmox VE 9.2.3',
        login: 'token',
        routes: [
          { route: 'guest-agent', enabled: true, reason: null },
          { route: 'node-shell', enabled: true, reason: 'not with a token' },
          { route: 'console', enabled: false, reason: 'not among its routes' },
        ],
        execEndpoint: 'absent',
      },
      {
        context: 'lab',
        reachable: false,
        detail: 'refused',
        login: 'root-ticket',
        routes: [],
        execEndpoint: 'not asked',
      },
    ];
    const text = diagnosisText({ ...DIAGNOSIS, contexts }, PLAIN);
    expect(text.split('\n').slice(-4)).to.deep.equal([
      'CONTEXT   RESULT    LOGIN      ROUTES                      EXEC ENDPOINT   DETAIL',
      'home      ok        token      guest-agent, (node-shell)   absent          Proxmox VE 9.2.3; node-shell: not with a token',
      'lab       problem   root@pam   -                           not asked       refused',
      '',
    ]);
  });

  it('says why nothing was tried, and acts on no terminal', () => {
    const text = diagnosisText({ ...DIAGNOSIS, container: null, notTried: 'it is \u001b[31mfrozen' }, PLAIN);
    expect(text).to.include('Methods, not tried: it is \\u001b[31mfrozen\n');
  });

  it('has colours for what is well and what is not', () => {
    const text = diagnosisText(DIAGNOSIS, { ...PLAIN, color: true });
    expect(text).to.include('\u001b[32mok\u001b[39m').and.to.include('\u001b[33mwarning\u001b[39m');
  });
});
