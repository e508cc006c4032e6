import { expect } from 'chai';

import { AGENT_PARTS, agentParts } from '../../src/guest-agent/parts.ts';
import { InvalidValue } from '../../src/values/invalid-value.ts';

describe('parts of the guest agent', () => {
  it('are read in any order, each once', () => {
    expect(agentParts('systemd,binary,systemd')).to.deep.equal(['binary', 'systemd']);
    expect(agentParts('initramfs')).to.deep.equal(['initramfs']);
  });

  for (const text of ['', 'Binary', 'binary,', 'binary, systemd', 'service']) {
    it(`are not ${JSON.stringify(text)}`, () => {
      expect(() => agentParts(text))
        .to.throw(InvalidValue)
        .with.property('hint', `use one or more of: ${AGENT_PARTS.join(', ')}`);
    });
  }
});
