/** Logging in, and what one may do. */
import { authId } from '../access/accounts.ts';
import type { Call, Endpoint } from '../endpoint.ts';
import { ApiFailure, denied } from '../failure.ts';

const refused = (): ApiFailure => new ApiFailure(401, 'authentication failure\n');

const createTicket: Endpoint = {
  method: 'POST',
  path: '/access/ticket',
  access: 'world',
  needsTicket: true,
  protected: true,
  parameters: {
    username: { required: true, maxLength: 64 },
    password: { required: true },
    realm: { maxLength: 32 },
    otp: {},
    'tfa-challenge': {},
    'new-format': { type: 'boolean' },
  },
  run(call) {
    const { accounts, tickets } = call.cluster;
    const { username = '', realm, otp } = call.parameters;
    const user = realm === undefined || username.includes('@') ? username : `${username}@${realm}`;
    if (!accounts.has(user)) throw refused();
    const factor = accounts.secondFactorOf(user);
    const step = passedStep(call, user);
    if (step === 'password' && factor !== undefined) {
      if (otp === undefined)
        return { ...identity(call, user), ticket: tickets.issueHalf(user, factor.challenge()), NeedTFA: 1 };
      if (!factor.verify(otp, call.cluster.now())) throw refused();
    }
    const cap = accounts.capabilities({ user });
    const cluster = call.cluster.nodes.length > 1 ? { clustername: call.cluster.name } : {};
    return { ...identity(call, user), ...cluster, ticket: tickets.issue(user), cap };
  },
};

/** By the password, a ticket in its place (which renews it), or the second step after half a ticket. */
function passedStep({ cluster, parameters }: Call, user: string): 'password' | 'complete' {
  const { accounts, tickets } = cluster;
  const { password = '', 'tfa-challenge': challenge } = parameters;
  if (challenge !== undefined) {
    const right =
      tickets.isHalf(challenge, user) && accounts.secondFactorOf(user)?.verify(password, cluster.now()) === true;
    if (!right) throw refused();
    return 'complete';
  }
  if (tickets.userOf(password) === user) return 'complete';
  if (!accounts.checkPassword(user, password)) throw refused();
  return 'password';
}

function identity({ cluster }: Call, user: string): Record<string, unknown> {
  return { username: user, CSRFPreventionToken: cluster.tickets.issueCsrf(user) };
}

const permissions: Endpoint = {
  method: 'GET',
  path: '/access/permissions',
  access: 'all',
  parameters: { path: {}, userid: {} },
  run({ cluster, caller, parameters }) {
    const { accounts } = cluster;
    const { path, userid = authId(caller) } = parameters;
    const [user = '', token] = userid.split('!');
    const subject = token === undefined ? { user } : { user, token };
    const own = userid === authId(caller) || (caller.token === undefined && user === caller.user);
    if (!own && !accounts.may(caller, '/access', 'Sys.Audit')) throw denied('/access, Sys.Audit');
    const paths = path === undefined ? accounts.paths(subject) : [path];
    return Object.fromEntries(
      paths.flatMap((each) => {
        const held = [...accounts.privileges(subject, each)];
        return held.length === 0 && path === undefined
          ? []
          : [[each, Object.fromEntries(held.map((privilege) => [privilege, 1]))]];
      }),
    );
  },
};

export const ACCESS: readonly Endpoint[] = [createTicket, permissions];
