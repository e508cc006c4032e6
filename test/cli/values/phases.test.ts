import { expect } from 'chai';

import { parsePhases } from '../../../src/cli/values/phases.ts';
import type { HookPlatform } from '../../../src/oci/hooks/phases.ts';
import { usageErrorOf } from './usage-error.ts';

describe('the phases of --on', () => {
  function names(values: readonly string[], platform: HookPlatform): string[] {
    return parsePhases(values, platform).map(({ name }) => name);
  }

  it('are separated by commas, or given one by one', () => {
    expect(names(['post-start,pre-stop'], 'proxmox')).to.deep.equal(['post-start', 'pre-stop']);
    expect(names(['pre-start', 'post-stop,post-start'], 'proxmox')).to.deep.equal([
      'pre-start',
      'post-stop',
      'post-start',
    ]);
    expect(names(['createRuntime,poststart', 'poststop', 'prestart'], 'oci')).to.deep.equal([
      'createRuntime',
      'poststart',
      'poststop',
      'prestart',
    ]);
  });

  it('are refused with the one that was meant', () => {
    for (const [typed, platform, meant] of [
      ['poststart', 'proxmox', 'post-start'],
      ['PreStop', 'proxmox', 'pre-stop'],
      ['post_stop', 'proxmox', 'post-stop'],
      ['post-strat', 'proxmox', 'post-start'],
      ['create-runtime', 'oci', 'createRuntime'],
      ['createruntime', 'oci', 'createRuntime'],
      ['post_start', 'oci', 'poststart'],
    ] as const) {
      const { message, hint } = usageErrorOf(() => parsePhases([typed], platform));
      expect(message, typed).to.include(JSON.stringify(typed));
      expect(hint, typed).to.equal(`did you mean ${meant}?`);
    }
  });

  it('are refused with all that there are where none is like it', () => {
    for (const typed of ['', 'boot', 'post-start,', '\u001b[31m', 'x'.repeat(1000)]) {
      const { message, hint } = usageErrorOf(() => parsePhases([typed], 'proxmox'));
      expect(hint).to.equal('use one or more of: pre-start, post-start, pre-stop, post-stop');
      expect(message.length).to.be.below(120);
    }
  });

  it('of the other platform are named as such', () => {
    expect(usageErrorOf(() => parsePhases(['createRuntime'], 'proxmox')).message).to.include('a phase of OCI hooks');
    const { message, hint } = usageErrorOf(() => parsePhases(['post-start'], 'oci'));
    expect(message).to.include('a phase of Proxmox hookscripts');
    expect(hint).to.match(/hookscript write "\$@" before "--".*; in an OCI hook: did you mean poststart\?$/);
  });

  it('are refused where the hook runs inside its container', () => {
    for (const typed of ['createContainer', 'startContainer']) {
      const { message, hint } = usageErrorOf(() => parsePhases([`poststart,${typed}`], 'oci'));
      expect(message).to.include(typed).and.to.include('namespaces');
      expect(hint).to.equal('use one or more of: prestart, createRuntime, poststart, poststop');
    }
  });
});
