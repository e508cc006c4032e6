import { expect } from 'chai';

import { sshAccess } from '../../src/contexts/ssh.ts';
import { parseContexts } from '../../src/contexts/yaml.ts';
import { failureOf } from '../proxmox/api/clients.ts';

function contextWith(ssh: string) {
  const text = `contexts: {home: {hosts: [pve1], user: root@pam${ssh}}}`;
  const context = parseContexts('/x', Buffer.from(text)).contexts.get('home');
  if (context === undefined) throw new Error('no context');
  return context;
}

describe('sshAccess', () => {
  it('leaves it to the user’s configuration of ssh where nothing is said', () => {
    expect(sshAccess(contextWith(''), 'pve2')).to.deep.equal({ destination: 'pve2', options: [], sudo: false });
  });

  it('takes what is said for all nodes, and before that for one', () => {
    const context = contextWith(
      ', ssh: {destination: "root@{node}.example", options: [-p, 2222], sudo: true, nodes: {pve2: {destination: x@y, sudo: false}}}',
    );
    expect(sshAccess(context, 'pve1')).to.deep.equal({
      destination: 'root@pve1.example',
      options: ['-p', '2222'],
      sudo: true,
    });
    expect(sshAccess(context, 'pve2')).to.deep.equal({ destination: 'x@y', options: ['-p', '2222'], sudo: false });
  });

  it('takes no name of a node that ssh would take for something else', async () => {
    for (const node of ['', '-oProxyCommand=touch /tmp/x', 'a b', 'a@b', '../x', 'a\n'])
      expect((await failureOf(Promise.resolve().then(() => sshAccess(contextWith(''), node)))).message).to.include(
        'no name',
      );
  });
});
