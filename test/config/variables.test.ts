import { expect } from 'chai';

import { KEY_NAMES, keySpec } from '../../src/config/keys.ts';
import { unknownVariables } from '../../src/config/variables.ts';

describe('variables with our prefix', () => {
  it('are unknown where they are mistyped, with the one that was meant', () => {
    const env = { PROXMOX_LXCRI_TIMOUT: '5s', PROXMOX_LXCRI_: '', PROXMOX_LXCRI_FAVOURITE_COLOUR: 'red', PATH: '/bin' };
    expect(unknownVariables(env)).to.deep.equal([
      { name: 'PROXMOX_LXCRI_TIMOUT', meant: 'PROXMOX_LXCRI_TIMEOUT' },
      { name: 'PROXMOX_LXCRI_', meant: undefined },
      { name: 'PROXMOX_LXCRI_FAVOURITE_COLOUR', meant: undefined },
    ]);
  });

  it('are known where something reads them', () => {
    const names = KEY_NAMES.map((key) => keySpec(key).variable);
    const others = ['CONFIG', 'CONTEXT', 'CONTEXTS', 'KUBE_CONTEXT', 'EXEC_ID', 'STDOUT_CLOSED'].map(
      (name) => `PROXMOX_LXCRI_${name}`,
    );
    expect(unknownVariables(Object.fromEntries([...names, ...others].map((name) => [name, 'x'])))).to.deep.equal([]);
  });
});
