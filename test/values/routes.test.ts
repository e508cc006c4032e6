import { expect } from 'chai';

import { orderedRoutes, routeName } from '../../src/values/routes.ts';
import { invalidValueOf } from './invalid.ts';

describe('a route over the API', () => {
  it('is one of those that there are', () => {
    expect(routeName('node-shell')).to.equal('node-shell');
    const { message, hint } = invalidValueOf(() => routeName('ssh'));
    expect(`${message}; ${hint}`).to.match(/"ssh".*guest-agent, node-shell, console/);
  });

  it('has its place among the others, once', () => {
    expect(orderedRoutes(['console', 'guest-agent', 'console'])).to.deep.equal(['guest-agent', 'console']);
  });
});
